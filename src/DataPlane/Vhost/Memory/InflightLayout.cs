using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Nf.DataPlane.Vhost.Memory;

/// <summary>Sizes and limits of an inflight region (vhost-user, "Inflight I/O tracking").</summary>
internal static class InflightLayout
{
    /// <summary>Largest ring there is (virtio 1.3, 2.7 and 2.8).</summary>
    internal const uint QueueSizeMax = 32768;

    /// <summary>The only version there is; 0 means that nobody used the part yet.</summary>
    internal const ushort Version = 1;
    private const uint Alignment = 64;

    /// <summary>Bytes of the part of one ring.</summary>
    internal static ulong QueueBytes(uint queueSize, bool packed)
    {
        ulong bytes = packed
            ? SizeOf<InflightHeaderPacked>() + (SizeOf<InflightEntryPacked>() * queueSize)
            : SizeOf<InflightHeaderSplit>() + (SizeOf<InflightEntrySplit>() * queueSize);
        return (bytes + Alignment - 1) / Alignment * Alignment;
    }

    /// <summary>Bytes of a region.</summary>
    /// <exception cref="VhostRefusedException">A count is 0 or too large.</exception>
    internal static ulong RegionBytes(uint queues, uint queueSize, bool packed)
    {
        // The counts of the message are 16 bits wide.
        if (queues is 0 or > ushort.MaxValue)
        {
            throw new VhostRefusedException($"inflight region: {queues} queues; at least 1, at most {ushort.MaxValue}");
        }

        if (queueSize is 0 or > QueueSizeMax)
        {
            throw new VhostRefusedException(
                $"inflight region: queue size {queueSize}; at least 1, at most {QueueSizeMax}");
        }

        return queues * QueueBytes(queueSize, packed);
    }

    private static ulong SizeOf<T>()
        where T : unmanaged => (ulong)Unsafe.SizeOf<T>();
}

/// <summary>struct QueueRegionSplit, without its entries.</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct InflightHeaderSplit
{
    [FieldOffset(0)]
    internal ulong Features;
    [FieldOffset(8)]
    internal ushort Version;
    [FieldOffset(10)]
    internal ushort DescriptorCount;
    [FieldOffset(12)]
    internal ushort LastBatchHead;
    [FieldOffset(14)]
    internal ushort UsedIndex;
}

/// <summary>struct DescStateSplit: one for each descriptor.</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct InflightEntrySplit
{
    [FieldOffset(0)]
    internal byte Inflight;
    [FieldOffset(6)]
    internal ushort Next;
    [FieldOffset(8)]
    internal ulong Counter;
}

/// <summary>struct QueueRegionPacked, without its entries.</summary>
[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct InflightHeaderPacked
{
    [FieldOffset(0)]
    internal ulong Features;
    [FieldOffset(8)]
    internal ushort Version;
    [FieldOffset(10)]
    internal ushort DescriptorCount;
    [FieldOffset(12)]
    internal ushort FreeHead;
    [FieldOffset(14)]
    internal ushort OldFreeHead;

    /// <summary>used_idx, old_used_idx, used_wrap_counter and old_used_wrap_counter, which change together.</summary>
    [FieldOffset(16)]
    internal ulong Used;
}

/// <summary>The four fields of <see cref="InflightHeaderPacked.Used"/>, and two bytes of padding behind them.</summary>
/// <param name="Index">Position of the next used descriptor.</param>
/// <param name="OldIndex">Position before the batch that is being given back.</param>
/// <param name="Wrap">Wrap counter at the position.</param>
/// <param name="OldWrap">Wrap counter at the old position.</param>
internal readonly record struct InflightUsed(ushort Index, ushort OldIndex, bool Wrap, bool OldWrap)
{
    /// <summary>Whether a batch is being given back.</summary>
    internal bool IsOpen => Index != OldIndex || Wrap != OldWrap;

    /// <summary>As they stand in the header, whose byte order is little.</summary>
    internal ulong Word => Index | ((ulong)OldIndex << 16) | (Wrap ? 1UL << 32 : 0) | (OldWrap ? 1UL << 40 : 0);

    /// <summary>What a word of the header says.</summary>
    internal static InflightUsed Of(ulong word) =>
        new((ushort)word, (ushort)(word >> 16), (byte)(word >> 32) != 0, (byte)(word >> 40) != 0);
}

/// <summary>struct DescStatePacked: one for each descriptor.</summary>
[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct InflightEntryPacked
{
    [FieldOffset(0)]
    internal byte Inflight;
    [FieldOffset(2)]
    internal ushort Next;
    [FieldOffset(4)]
    internal ushort Last;
    [FieldOffset(6)]
    internal ushort Num;
    [FieldOffset(8)]
    internal ulong Counter;
    [FieldOffset(16)]
    internal ushort Id;
    [FieldOffset(18)]
    internal ushort Flags;
    [FieldOffset(20)]
    internal uint Length;
    [FieldOffset(24)]
    internal ulong Address;
}

/// <summary>A descriptor of a packed ring, in the ring's own layout (virtio 1.3, 2.8.13).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct InflightDescriptor
{
    internal ulong Address;
    internal uint Length;
    internal ushort Id;
    internal ushort Flags;
}
