using System.Runtime.InteropServices;

namespace Nf.SharedMemory.Segments;

// The lines of cpumaps and steerings. As in SegmentStructs.cs: one 64-byte line, one writer.

/// <summary>What an entry of a cpumap is and how it stands. Writer: control thread.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct CpumapEntryIdentity
{
    /// <summary>1 while the slot belongs to an entry.</summary>
    public uint InUse;

    /// <summary>The CPU.</summary>
    public uint Cpu;

    /// <summary>The number of <c>nf.v1.CpumapBackend</c>.</summary>
    public uint Backend;

    /// <summary>Frames the queue holds.</summary>
    public uint QueueSize;

    /// <summary>Frames in the queue; user space only.</summary>
    public uint QueueLevel;

    /// <summary>Threads alive for this CPU: more than 1 while replaced ones drain.</summary>
    public uint Threads;
}

/// <summary>
/// What was put into the queue of an entry. Writer: control thread, once a second, from the kernel's tracepoints; or,
/// in user space, where each producer counts for itself, from their sums.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct CpumapEntryIn
{
    /// <summary>Frames that were to be queued, dropped ones included.</summary>
    public ulong Enqueued;

    /// <summary>Of those, dropped because the queue was full.</summary>
    public ulong EnqueueDrops;

    /// <summary>Times that frames were queued.</summary>
    public ulong Bulks;
}

/// <summary>
/// What was taken out of the queue of an entry. Writer: control thread for the kernel's; the entry's worker in user
/// space.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct CpumapEntryOut
{
    /// <summary>Frames taken.</summary>
    public ulong Processed;

    /// <summary>Of those, dropped because there was no memory for them.</summary>
    public ulong AllocDrops;

    /// <summary>Times the thread slept or yielded.</summary>
    public ulong Sched;

    /// <summary>Frames that the entry's program passed.</summary>
    public ulong ProgramPass;

    /// <summary>Frames that it dropped.</summary>
    public ulong ProgramDrop;

    /// <summary>Frames that it redirected.</summary>
    public ulong ProgramRedirect;
}

/// <summary>The lines of an entry of a cpumap.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct CpumapEntrySlot
{
    /// <summary>What it is.</summary>
    public CpumapEntryIdentity Identity;

    /// <summary>What was put in.</summary>
    public CpumapEntryIn In;

    /// <summary>What was taken out.</summary>
    public CpumapEntryOut Out;
}

/// <summary>A rule of a steering and what it matched. Writer: control thread, once a second.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct SteeringRuleSlot
{
    /// <summary>1 while the slot belongs to a rule.</summary>
    public uint InUse;

    /// <summary>Place of the rule in its list, from 0; <see cref="DefaultRule"/> or
    /// <see cref="ManagementRule"/>.</summary>
    public uint Rule;

    /// <summary>Packets since the rule was set.</summary>
    public ulong Packets;

    /// <summary>Bytes of them.</summary>
    public ulong Bytes;

    /// <summary>In place of a rule: packets that none matched.</summary>
    public const uint DefaultRule = uint.MaxValue;

    /// <summary>In place of a rule: packets of management.</summary>
    public const uint ManagementRule = uint.MaxValue - 1;
}
