using System.Buffers.Binary;

namespace Nf.Samples.EchoUdp;

/// <summary>The checksum of the Internet (RFC 1071).</summary>
internal static class Checksum
{
    /// <summary>Adds bytes, two by two; a packet has too few for the sum to overflow.</summary>
    internal static uint Sum(ReadOnlySpan<byte> bytes, uint sum)
    {
        for (; bytes.Length > 1; bytes = bytes[2..])
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes);
        }

        return bytes.IsEmpty ? sum : sum + ((uint)bytes[0] << 8);
    }

    /// <summary>The checksum of a sum.</summary>
    internal static ushort Fold(uint sum)
    {
        sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~((sum & 0xffff) + (sum >> 16));
    }
}
