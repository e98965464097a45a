using System.Runtime.CompilerServices;
using Nf.Linux;

namespace Nf.SharedMemory.Segments;

/// <summary>The data plane's side of the segment: a sealed memfd that only its creator can write.</summary>
/// <remarks>
/// A life of the data plane makes a segment of its own, because F_SEAL_FUTURE_WRITE, which keeps every reader from
/// mapping it writable, also keeps the next life from it. Counters are carried over by <see cref="CopyFrom"/>.
/// </remarks>
public sealed unsafe class SegmentWriter : IDisposable
{
    private readonly MappedMemory _memory;
    private readonly byte* _base;

    private SegmentWriter(FileDescriptor file, MappedMemory memory)
    {
        File = file;
        _memory = memory;
        _base = memory.Address;
    }

    /// <summary>The memfd, to be sent to readers.</summary>
    public FileDescriptor File { get; }

    /// <summary>The control thread's sign of life.</summary>
    public ref SegmentHeartbeat Heartbeat => ref At<SegmentHeartbeat>(SegmentLayout.HeartbeatOffset);

    /// <summary>The header.</summary>
    public ref SegmentHeader Header => ref At<SegmentHeader>(0);

    /// <summary>Makes a segment for a life of the data plane.</summary>
    /// <exception cref="LinuxException">No memory.</exception>
    public static SegmentWriter Create(ulong generation, uint pid, DateTimeOffset started)
    {
        FileDescriptor file = MemFile.Create("nf-segment", SegmentLayout.SizeBytes, new MemFileOptions());
        try
        {
            MappedMemory memory = MappedMemory.Map(
                file, 0, SegmentLayout.SizeBytes, MapAccess.ReadWrite, populate: true);
            MemFile.AddSeals(
                file, MemFileSeals.Shrink | MemFileSeals.Grow | MemFileSeals.FutureWrite | MemFileSeals.Seal);
            var segment = new SegmentWriter(file, memory);
            ref SegmentHeader header = ref segment.Header;
            header.LayoutHash = SegmentLayout.Hash;
            header.SizeBytes = (ulong)SegmentLayout.SizeBytes;
            header.Generation = generation;
            header.Pid = pid;
            header.StartedUnixNs = started.ToUnixTimeMilliseconds() * 1_000_000;

            // Release: whoever sees the magic also sees the rest of the header.
            Volatile.Write(ref header.Magic, SegmentLayout.Magic);
            return segment;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The slot of a worker. Its lines have writers of their own.</summary>
    public ref WorkerSlot Worker(int slot) =>
        ref Slot<WorkerSlot>(SegmentLayout.WorkersOffset, slot, SegmentLayout.WorkerCountMax);

    /// <summary>The slot of a port. Its lines have writers of their own.</summary>
    public ref PortSlot Port(int slot) =>
        ref Slot<PortSlot>(SegmentLayout.PortsOffset, slot, SegmentLayout.PortCountMax);

    /// <summary>The slot of a UMEM. Its lines have writers of their own.</summary>
    public ref UmemSlot Umem(int slot) =>
        ref Slot<UmemSlot>(SegmentLayout.UmemsOffset, slot, SegmentLayout.UmemCountMax);

    /// <summary>The slot of an entry of a cpumap. Its lines have writers of their own.</summary>
    public ref CpumapEntrySlot CpumapEntry(int slot) =>
        ref Slot<CpumapEntrySlot>(SegmentLayout.CpumapEntriesOffset, slot, SegmentLayout.CpumapEntryCountMax);

    /// <summary>The slot of a rule of a steering.</summary>
    public ref SteeringRuleSlot SteeringRule(int slot) =>
        ref Slot<SteeringRuleSlot>(SegmentLayout.SteeringRulesOffset, slot, SegmentLayout.SteeringRuleCountMax);

    /// <summary>Takes over the counters of an earlier life; the header stays ours.</summary>
    public void CopyFrom(SegmentReader earlier)
    {
        ArgumentNullException.ThrowIfNull(earlier);
        for (int i = 0; i < SegmentLayout.PortCountMax; i++)
        {
            Port(i) = earlier.Port(i);
        }

        for (int i = 0; i < SegmentLayout.UmemCountMax; i++)
        {
            Umem(i) = earlier.Umem(i);
        }

        for (int i = 0; i < SegmentLayout.CpumapEntryCountMax; i++)
        {
            CpumapEntry(i) = earlier.CpumapEntry(i);
        }

        for (int i = 0; i < SegmentLayout.SteeringRuleCountMax; i++)
        {
            SteeringRule(i) = earlier.SteeringRule(i);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _memory.Dispose();
        File.Dispose();
    }

    private ref T Slot<T>(int offset, int slot, int count)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(slot);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(slot, count);
        return ref At<T>(offset + (slot * Unsafe.SizeOf<T>()));
    }

    // SAFETY: callers pass offsets of the layout only, all below SizeBytes, which is what is mapped; the structs are
    // unmanaged and 64-byte aligned on a page-aligned base.
    private ref T At<T>(int offset)
        where T : unmanaged => ref *(T*)(_base + offset);
}
