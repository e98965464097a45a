using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Nf.SharedMemory.Segments;

// The structs of the segment. Every struct is one 64-byte cache line and has one writer, named in its summary, so
// that no line moves between writers and no counter needs more than a plain add. Counters never go back while the
// resource lives.

/// <summary>First line of the segment; written once by the data plane before anybody else sees it.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct SegmentHeader
{
    /// <summary><see cref="SegmentLayout.Magic"/>.</summary>
    public ulong Magic;

    /// <summary><see cref="SegmentLayout.Hash"/> of the writer.</summary>
    public ulong LayoutHash;

    /// <summary>Size of the segment in bytes.</summary>
    public ulong SizeBytes;

    /// <summary>Which life of the data plane wrote it.</summary>
    public ulong Generation;

    /// <summary>When that life began, in nanoseconds since 1970.</summary>
    public long StartedUnixNs;

    /// <summary>Its process id.</summary>
    public uint Pid;
}

/// <summary>The main thread's sign of life. Writer: the data plane's control thread.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct SegmentHeartbeat
{
    /// <summary>When it last came round, in CLOCK_MONOTONIC nanoseconds.</summary>
    public long MonotonicNs;
}

/// <summary>What a worker is. Writer: control thread.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct WorkerIdentity
{
    /// <summary>1 while the worker exists.</summary>
    public uint InUse;

    /// <summary>The CPU it is pinned to.</summary>
    public uint Cpu;
}

/// <summary>What a worker did. Writer: the worker.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct WorkerCounters
{
    /// <summary>Rounds of the poll loop.</summary>
    public ulong Polls;

    /// <summary>Nanoseconds of rounds that found work.</summary>
    public ulong BusyNs;

    /// <summary>Times it went to sleep.</summary>
    public ulong Sleeps;

    /// <summary>Packets received.</summary>
    public ulong Packets;

    /// <summary>Bursts that were not empty.</summary>
    public ulong Batches;

    /// <summary>When it began, in CLOCK_MONOTONIC nanoseconds.</summary>
    public long StartedNs;

    /// <summary>Commands taken from its inbox.</summary>
    public ulong Commands;
}

/// <summary>What a port is and how it stands. Writer: control thread.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct PortIdentity
{
    /// <summary>1 while the slot belongs to a socket, or to a queue pair of a vhost device.</summary>
    public uint InUse;

    /// <summary>The number of <c>nf.v1.XskState</c>, or of <c>nf.v1.VhostState</c>.</summary>
    public uint State;

    /// <summary>Slot of its UMEM; of no meaning for a vhost port.</summary>
    public uint UmemSlot;

    /// <summary>Slot of its worker.</summary>
    public uint WorkerSlot;

    /// <summary>Index of the interface now; 0 for a vhost port.</summary>
    public uint Ifindex;

    /// <summary>The queue, or the queue pair.</summary>
    public uint Queue;

    /// <summary>1 when zero-copy was granted.</summary>
    public uint ZeroCopy;

    /// <summary>Largest frame in bytes that the interface takes now.</summary>
    public uint FrameBytesMax;

    /// <summary>When the socket was bound, or the device created, in nanoseconds since 1970.</summary>
    public long BoundUnixNs;

    /// <summary>A <see cref="PortKind"/>.</summary>
    public uint Kind;
}

/// <summary>What passed through a port. Writer: its worker.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct PortTraffic
{
    /// <summary>Packets taken from the RX ring.</summary>
    public ulong RxPackets;

    /// <summary>Bytes of them.</summary>
    public ulong RxBytes;

    /// <summary>Packets put into the TX ring.</summary>
    public ulong TxPackets;

    /// <summary>Bytes of them.</summary>
    public ulong TxBytes;

    /// <summary>Of the packets received, those that the link forwarded since it was made.</summary>
    public ulong LinkPackets;

    /// <summary>Bytes of them.</summary>
    public ulong LinkBytes;

    /// <summary>Receive bursts that were not empty.</summary>
    public ulong RxBatches;
}

/// <summary>Packets that a port received and its worker dropped, by reason. Writer: its worker.</summary>
[InlineArray(DropReasons.Capacity)]
public struct PortDrops
{
    private ulong _first;
}

/// <summary>How the rings of a port stand, and what was done to keep them going. Writer: its worker.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct PortRings
{
    /// <summary>Entries in the fill ring.</summary>
    public uint FillLevel;

    /// <summary>Entries in the RX ring.</summary>
    public uint RxLevel;

    /// <summary>Entries in the TX ring.</summary>
    public uint TxLevel;

    /// <summary>Entries in the completion ring.</summary>
    public uint CompletionLevel;

    /// <summary>System calls that asked the kernel to send.</summary>
    public ulong TxKicks;

    /// <summary>System calls that told the kernel of new fill entries.</summary>
    public ulong FillKicks;

    /// <summary>Chunks that came back sent.</summary>
    public ulong TxCompletions;

    /// <summary>Rounds that found the TX ring of the peer full and left packets in the RX ring.</summary>
    public ulong Backpressure;

    /// <summary>Frames received that are on their way through a cpumap: neither forwarded nor dropped yet.</summary>
    public ulong HandedOver;
}

/// <summary>
/// The kernel's counters (XDP_STATISTICS), summed over rebinds. Writer: control thread, once a second.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct PortKernel
{
    /// <summary>Dropped for other reasons than a full RX ring.</summary>
    public ulong RxDropped;

    /// <summary>Invalid fill entries.</summary>
    public ulong RxInvalidDescs;

    /// <summary>Invalid TX entries.</summary>
    public ulong TxInvalidDescs;

    /// <summary>Dropped because the RX ring was full.</summary>
    public ulong RxRingFull;

    /// <summary>Dropped because the fill ring was empty.</summary>
    public ulong RxFillRingEmptyDescs;

    /// <summary>Times the TX ring was found empty.</summary>
    public ulong TxRingEmptyDescs;
}

/// <summary>What a queue pair of a vhost device did; zero for a socket. Writer: its worker.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct PortVhost
{
    /// <summary>Signals sent to the guest's driver.</summary>
    public ulong CallsSent;

    /// <summary>Signals that the driver did not want.</summary>
    public ulong CallsSuppressed;

    /// <summary>Kicks of the driver that woke the worker.</summary>
    public ulong KicksReceived;

    /// <summary>Descriptor chains given back unused because they break a rule.</summary>
    public ulong BadChains;

    /// <summary>Times that a ring could not be trusted any more.</summary>
    public ulong RingFaults;

    /// <summary>Buffers for frames to the guest that it has made available.</summary>
    public uint RxPending;

    /// <summary>Frames of the guest that wait to be taken.</summary>
    public uint TxPending;
}

/// <summary>The lines of a port.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PortSlot
{
    /// <summary>What it is.</summary>
    public PortIdentity Identity;

    /// <summary>What passed.</summary>
    public PortTraffic Traffic;

    /// <summary>What was dropped.</summary>
    public PortDrops Drops;

    /// <summary>How its rings stand.</summary>
    public PortRings Rings;

    /// <summary>What the kernel counts.</summary>
    public PortKernel Kernel;

    /// <summary>What only a vhost port has.</summary>
    public PortVhost Vhost;
}

/// <summary>What a UMEM is. Writer: control thread.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct UmemIdentity
{
    /// <summary>1 while the slot belongs to a UMEM.</summary>
    public uint InUse;

    /// <summary>The number of <c>nf.v1.UmemState</c>.</summary>
    public uint State;

    /// <summary>Bytes of a chunk.</summary>
    public uint ChunkSizeBytes;

    /// <summary>Slot of its worker.</summary>
    public uint WorkerSlot;

    /// <summary>Chunks in all.</summary>
    public ulong ChunkCount;

    /// <summary>Bytes mapped.</summary>
    public ulong MappedBytes;
}

/// <summary>Who holds the chunks of a UMEM. Writer: its worker.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct UmemCounters
{
    /// <summary>Chunks in the free pool.</summary>
    public ulong Free;

    /// <summary>Chunks handed to the kernel to receive into.</summary>
    public ulong Fill;

    /// <summary>Chunks handed to the kernel to send.</summary>
    public ulong Tx;

    /// <summary>Completion entries refused.</summary>
    public ulong WildCompletions;
}

/// <summary>The lines of a UMEM.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct UmemSlot
{
    /// <summary>What it is.</summary>
    public UmemIdentity Identity;

    /// <summary>Who holds its chunks.</summary>
    public UmemCounters Counters;
}

/// <summary>The lines of a worker.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct WorkerSlot
{
    /// <summary>What it is.</summary>
    public WorkerIdentity Identity;

    /// <summary>What it did.</summary>
    public WorkerCounters Counters;
}
