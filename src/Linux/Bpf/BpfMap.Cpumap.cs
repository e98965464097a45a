using System.Runtime.InteropServices;

namespace Nf.Linux;

// Entries of a cpumap: a queue, and a program whose descriptor goes in and whose id comes out.
public sealed unsafe partial class BpfMap
{
    /// <summary>Bytes of a value of a cpumap whose entries can have programs (5.9+).</summary>
    public const int CpumapValueBytes = 8;

    /// <summary>Bytes of a value of a cpumap whose entries are queues only.</summary>
    public const int CpumapQueueValueBytes = 4;

    /// <summary>
    /// Sets the entry of a CPU. Returns when the new thread has run once there, which may be never on a CPU that is
    /// offline or given to real-time threads: the call cannot be interrupted then.
    /// </summary>
    /// <param name="cpu">The CPU.</param>
    /// <param name="queueSize">Frames the queue holds; 0 removes the entry.</param>
    /// <param name="program">What runs on each frame; stays the caller's.</param>
    /// <param name="flags">BPF_ANY, BPF_NOEXIST or BPF_EXIST of <see cref="LinuxBpf"/>.</param>
    /// <exception cref="LinuxException">
    /// In the order of the kernel: EINVAL (flags), E2BIG (cpu), EEXIST (BPF_NOEXIST, always), EOVERFLOW (queue size),
    /// ENODEV (CPU not possible), ENOMEM (all the rest; since 7.0 EBADF and EINVAL for programs).
    /// </exception>
    public void UpdateCpumap(uint cpu, uint queueSize, BpfProgram? program, ulong flags = LinuxBpf.BPF_ANY)
    {
        if (ValueSizeBytes == CpumapQueueValueBytes)
        {
            ArgumentOutOfRangeException.ThrowIfNotEqual(program is null, true, nameof(program));
            Update(in cpu, in queueSize, flags);
            return;
        }

        // Descriptors of ours are never 0, which the kernel takes for none.
        var value = new bpf_cpumap_val { qsize = queueSize, bpf_prog = (uint)(program?.Descriptor.Number ?? 0) };
        Update(in cpu, in value, flags);
        GC.KeepAlive(program);
    }

    /// <summary>Reads the entry of a CPU.</summary>
    /// <param name="cpu">The CPU.</param>
    /// <param name="queueSize">Frames the queue holds.</param>
    /// <param name="programId">The kernel's id of the program; 0 for none.</param>
    /// <returns>False when there is none, or the CPU is out of range.</returns>
    public bool TryLookupCpumap(uint cpu, out uint queueSize, out uint programId)
    {
        programId = 0;
        if (ValueSizeBytes == CpumapQueueValueBytes)
        {
            return TryLookup(in cpu, out queueSize);
        }

        bool found = TryLookup(in cpu, out bpf_cpumap_val value);
        queueSize = value.qsize;
        programId = value.bpf_prog;
        return found;
    }
}

/// <summary>Value of a cpumap.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct bpf_cpumap_val
{
    internal uint qsize;
    internal uint bpf_prog;
}
