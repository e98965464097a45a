using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Nf.DataPlane.Cpumaps;

/// <summary>Counters of an entry: <c>struct entry_counters</c> of Bpf/cpumap_stats.bpf.c.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CpumapCounts
{
    internal ulong Enqueued;
    internal ulong EnqueueDrops;
    internal ulong Bulks;
    internal ulong Processed;
    internal ulong AllocDrops;
    internal ulong Sched;
    internal ulong Pass;
    internal ulong Drop;
    internal ulong Redirect;

    internal void Add(in CpumapCounts other)
    {
        Enqueued += other.Enqueued;
        EnqueueDrops += other.EnqueueDrops;
        Bulks += other.Bulks;
        Processed += other.Processed;
        AllocDrops += other.AllocDrops;
        Sched += other.Sched;
        Pass += other.Pass;
        Drop += other.Drop;
        Redirect += other.Redirect;
    }
}

/// <summary>Which entry: <c>struct entry_key</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CpumapEntryKey
{
    internal uint MapId;
    internal uint Cpu;
}

/// <summary>Which error: <c>struct error_key</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CpumapErrorKey
{
    internal uint MapId;
    internal ushort Kind;
    internal ushort Code;
    internal DeviceName Device;
}

/// <summary>Name of an interface, ended by a zero byte.</summary>
[InlineArray(16)]
internal struct DeviceName
{
    private byte _first;
}

/// <summary>Name of a thread, ended by a zero byte: <c>struct thread_name</c>.</summary>
[InlineArray(32)]
internal struct ThreadName
{
    private byte _first;
}
