using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Nf.DataPlane.Frames;

/// <summary>The checksum of IP, TCP and UDP (RFC 1071): the complement of the sum of 16-bit words with end-around
/// carry.</summary>
/// <remarks>
/// The sum does not depend on the order of bytes in a word as long as it is read and written in the same one, so words
/// are those of the machine here.
/// </remarks>
internal static unsafe class InternetChecksum
{
    /// <summary>Adds up bytes. Sums of stretches of even length may be added to each other.</summary>
    internal static ulong Sum(byte* data, uint length)
    {
        ulong sum = 0;

        // SAFETY: the caller vouches for length bytes, of which every step takes what it subtracts.
        if (Vector256.IsHardwareAccelerated && length >= 64)
        {
            Vector256<ulong> low = Vector256<ulong>.Zero;
            Vector256<ulong> high = Vector256<ulong>.Zero;
            do
            {
                Vector256<uint> words = Vector256.Load((uint*)data);
                low += Vector256.WidenLower(words);
                high += Vector256.WidenUpper(words);
                data += 32;
                length -= 32;
            }
            while (length >= 32);
            sum = Vector256.Sum(low + high);
        }

        for (; length >= 4; length -= 4, data += 4)
        {
            sum += Unsafe.ReadUnaligned<uint>(data);
        }

        if (length >= 2)
        {
            sum += Unsafe.ReadUnaligned<ushort>(data);
            data += 2;
            length -= 2;
        }

        return length == 0 ? sum : sum + LastByte(*data);
    }

    /// <summary>Folds a sum into 16 bits and complements it: what stands in a header.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ushort Finish(ulong sum)
    {
        sum = (sum & uint.MaxValue) + (sum >> 32);
        sum = (sum & uint.MaxValue) + (sum >> 32);
        uint folded = (uint)(sum & 0xFFFF) + (uint)(sum >> 16);
        folded = (folded & 0xFFFF) + (folded >> 16);
        folded = (folded & 0xFFFF) + (folded >> 16);
        return (ushort)~folded;
    }

    /// <summary>A number as a word of a header is summed.</summary>
    internal static uint Word(ushort value) =>
        BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;

    // The word that the last byte begins goes on with a zero.
    private static uint LastByte(byte value) => BitConverter.IsLittleEndian ? value : (uint)value << 8;
}
