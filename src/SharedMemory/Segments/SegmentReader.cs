using System.Runtime.CompilerServices;
using Nf.Linux;

namespace Nf.SharedMemory.Segments;

/// <summary>A reader's side of the segment: mapped read-only, checked once, read without messages or locks.</summary>
/// <remarks>
/// Each counter is read whole (8 aligned bytes); two counters of one slot may be of slightly different moments.
/// </remarks>
public sealed unsafe class SegmentReader : IDisposable
{
    private readonly MappedMemory _memory;
    private readonly byte* _base;

    private SegmentReader(MappedMemory memory)
    {
        _memory = memory;
        _base = memory.Address;
    }

    /// <summary>The header.</summary>
    public SegmentHeader Header => Copy<SegmentHeader>(0);

    /// <summary>When the data plane's control thread last came round, in CLOCK_MONOTONIC nanoseconds.</summary>
    public long HeartbeatNs => Copy<SegmentHeartbeat>(SegmentLayout.HeartbeatOffset).MonotonicNs;

    /// <summary>Maps a segment that a data plane handed over. The descriptor stays the caller's.</summary>
    /// <exception cref="InvalidDataException">
    /// It is not a segment of this layout, or it could shrink under us.
    /// </exception>
    /// <exception cref="LinuxException">It cannot be mapped.</exception>
    public static SegmentReader Open(FileDescriptor file)
    {
        ArgumentNullException.ThrowIfNull(file);
        const MemFileSeals needed = MemFileSeals.Shrink | MemFileSeals.Grow;
        if ((MemFile.GetSeals(file) & needed) != needed)
        {
            throw new InvalidDataException("the segment is not sealed against shrinking and growing");
        }

        if (file.Length != SegmentLayout.SizeBytes)
        {
            throw new InvalidDataException(
                $"the segment has {file.Length} bytes, this layout has {SegmentLayout.SizeBytes}");
        }

        MappedMemory memory = MappedMemory.Map(file, 0, SegmentLayout.SizeBytes, MapAccess.Read);
        var reader = new SegmentReader(memory);
        SegmentHeader header = reader.Header;
        if (header.Magic != SegmentLayout.Magic || header.LayoutHash != SegmentLayout.Hash)
        {
            memory.Dispose();
            throw new InvalidDataException(
                $"the segment has layout {header.LayoutHash:x16}, this program has {SegmentLayout.Hash:x16}");
        }

        return reader;
    }

    /// <summary>A copy of a worker's slot.</summary>
    public WorkerSlot Worker(int slot) =>
        Slot<WorkerSlot>(SegmentLayout.WorkersOffset, slot, SegmentLayout.WorkerCountMax);

    /// <summary>A copy of a port's slot.</summary>
    public PortSlot Port(int slot) => Slot<PortSlot>(SegmentLayout.PortsOffset, slot, SegmentLayout.PortCountMax);

    /// <summary>A copy of a UMEM's slot.</summary>
    public UmemSlot Umem(int slot) => Slot<UmemSlot>(SegmentLayout.UmemsOffset, slot, SegmentLayout.UmemCountMax);

    /// <summary>A copy of the slot of an entry of a cpumap.</summary>
    public CpumapEntrySlot CpumapEntry(int slot) =>
        Slot<CpumapEntrySlot>(SegmentLayout.CpumapEntriesOffset, slot, SegmentLayout.CpumapEntryCountMax);

    /// <summary>A copy of the slot of a rule of a steering.</summary>
    public SteeringRuleSlot SteeringRule(int slot) =>
        Slot<SteeringRuleSlot>(SegmentLayout.SteeringRulesOffset, slot, SegmentLayout.SteeringRuleCountMax);

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private T Slot<T>(int offset, int slot, int count)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(slot);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(slot, count);
        return Copy<T>(offset + (slot * Unsafe.SizeOf<T>()));
    }

    private T Copy<T>(int offset)
        where T : unmanaged
    {
        T copy = default;
        ulong* to = (ulong*)&copy;

        // SAFETY: offsets come from the layout, which fits the mapping, sealed against shrinking; all structs are whole
        // 8-byte words, 8-byte aligned, and each word is read once.
        ulong* from = (ulong*)(_base + offset);
        for (int i = 0; i < sizeof(T) / sizeof(ulong); i++)
        {
            to[i] = Volatile.Read(ref from[i]);
        }

        return copy;
    }
}
