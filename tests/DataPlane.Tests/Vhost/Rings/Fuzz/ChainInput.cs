using System.Buffers.Binary;
using Nf.DataPlane.Vhost;

namespace Nf.DataPlane.Tests.Vhost.Rings.Fuzz;

/// <summary>One input of the chain fuzzer: what a driver wrote, as bytes that can be stored.</summary>
/// <remarks>
/// Byte 0: bit 0 packed, bit 1 indirect tables negotiated, bits 4 to 7 the ring's size. Bytes 2 and 3: where the chain
/// begins. Then 16 descriptors, then 64 entries of tables, each of 16 bytes.
/// </remarks>
internal sealed class ChainInput
{
    internal const int Descriptors = 16;
    internal const int Entries = 64;
    internal const int Bytes = 4 + (16 * (Descriptors + Entries));

    /// <summary>Two regions that are neighbours for the guest, and one behind a gap.</summary>
    internal const ulong RegionBytes = 4096;
    internal const ulong First = GuestRam.Start;
    internal const ulong Second = First + RegionBytes;
    internal const ulong Third = Second + (2 * RegionBytes);

    /// <summary>The entries of tables lie across the border of the first two regions.</summary>
    internal const ulong EntriesAddress = Second - (16 * Entries / 2) - 8;

    private static readonly ulong[] Addresses =
    [
        0, First, First + 300, Second - 1, Second, Second + 100, Second + RegionBytes - 1, Second + RegionBytes,
        Third, Third + RegionBytes - 16, EntriesAddress, EntriesAddress + 16, EntriesAddress + 40, ulong.MaxValue,
        ulong.MaxValue - 15, First - 1, 1UL << 63,
    ];

    private static readonly uint[] Lengths =
    [
        0, 1, 8, 12, 16, 17, 32, 48, 64, 160, 1024, 1500, 4096, 8192, 16 * 1024, 16 * 1025, 0x8000_0000, uint.MaxValue,
    ];

    internal byte[] Data { get; } = new byte[Bytes];

    internal bool IsPacked => (Data[0] & 1) != 0;

    internal ulong Features =>
        (IsPacked ? RingLab.Packed : RingLab.Split) | ((Data[0] & 2) != 0 ? VirtioFeatures.IndirectDescriptors : 0);

    /// <summary>1, 2, 4, 8 or 16 when split; 1 to 16 when packed.</summary>
    internal uint Size => IsPacked ? 1 + ((uint)Data[0] >> 4) : 1u << ((Data[0] >> 4) % 5);

    internal uint Head => IsPacked
        ? BinaryPrimitives.ReadUInt16LittleEndian(Data.AsSpan(2)) % Size
        : BinaryPrimitives.ReadUInt16LittleEndian(Data.AsSpan(2));

    internal ReadOnlySpan<byte> Ring => Data.AsSpan(4, 16 * Descriptors);

    internal ReadOnlySpan<byte> Table => Data.AsSpan(4 + (16 * Descriptors));

    internal static ChainInput Of(string hex)
    {
        var input = new ChainInput();
        Convert.FromHexString(hex).AsSpan().CopyTo(input.Data);
        return input;
    }

    /// <summary>Without the zeroes at its end.</summary>
    internal string ToHex() => Convert.ToHexString(Data.AsSpan(0, Data.AsSpan().LastIndexOfAnyExcept((byte)0) + 1));

    internal ChainInput Clone()
    {
        var copy = new ChainInput();
        Data.CopyTo(copy.Data, 0);
        return copy;
    }

    /// <summary>The same with as many zeroes as leave it the same to somebody.</summary>
    internal ChainInput Minimise(Func<ChainInput, string> outcome)
    {
        string wanted = outcome(this);
        ChainInput least = Clone();
        for (int at = Bytes - 16; at > 0; at -= 16)
        {
            ChainInput next = least.Clone();
            next.Data.AsSpan(at, 16).Clear();
            least = outcome(next) == wanted ? next : least;
        }

        return least;
    }

    /// <summary>Changes a few things, with a liking for values at which rules change.</summary>
    internal void Mutate(Random random)
    {
        int changes = 1 + random.Next(6);
        for (int i = 0; i < changes; i++)
        {
            int kind = random.Next(12);
            if (kind == 0)
            {
                Data[0] = (byte)random.Next(256);
            }
            else if (kind == 1)
            {
                ushort head = (ushort)(random.Next(8) == 0 ? random.Next() : random.Next(18));
                BinaryPrimitives.WriteUInt16LittleEndian(Data.AsSpan(2), head);
            }
            else if (kind == 2)
            {
                Data[random.Next(Bytes)] ^= (byte)(1 << random.Next(8));
            }
            else
            {
                bool inRing = random.Next(2) == 0;
                int index = inRing ? random.Next(Descriptors) : Descriptors + random.Next(Entries);
                Mutate(Data.AsSpan(4 + (16 * index), 16), random, inRing ? Descriptors : Entries);
            }
        }
    }

    private void Mutate(Span<byte> descriptor, Random random, int count)
    {
        switch (random.Next(4))
        {
            case 0:
                ulong address = Addresses[random.Next(Addresses.Length)];
                address += random.Next(3) == 0 ? (ulong)random.Next(64) : 0;
                BinaryPrimitives.WriteUInt64LittleEndian(descriptor, address);
                break;
            case 1:
                uint length = Lengths[random.Next(Lengths.Length)] + (random.Next(4) == 0 ? (uint)random.Next(9) : 0);
                BinaryPrimitives.WriteUInt32LittleEndian(descriptor[8..], length);
                break;
            default:
                ushort flags = (ushort)(random.Next(9) == 0 ? random.Next() : random.Next(8));
                ushort other = (ushort)(random.Next(20) == 0 ? random.Next() : random.Next(count + 1));
                BinaryPrimitives.WriteUInt16LittleEndian(descriptor[(IsPacked ? 14 : 12)..], flags);
                BinaryPrimitives.WriteUInt16LittleEndian(descriptor[(IsPacked ? 12 : 14)..], other);
                break;
        }
    }
}
