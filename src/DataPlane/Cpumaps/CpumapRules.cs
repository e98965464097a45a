using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Cpumaps;

/// <summary>
/// What an update of an entry has to satisfy, in the kernel's order (kernel/bpf/cpumap.c, cpu_map_update_elem), and
/// with its errnos. Both backends obey it.
/// </summary>
internal static class CpumapRules
{
    /// <summary>Most frames of a queue: the kernel's sanity limit.</summary>
    internal const uint QueueSizeMax = 16384;

    /// <param name="asked">CPU and queue size; the program is judged by the backend.</param>
    /// <param name="mode">Whether the entry may exist.</param>
    /// <param name="maxEntries">Of the cpumap.</param>
    /// <param name="present">Whether the CPU has an entry.</param>
    /// <param name="possible">CPUs the machine could ever have.</param>
    /// <exception cref="CommandFaultException">
    /// INVALID_SPEC (EINVAL), CPU_OUT_OF_RANGE (E2BIG), ENTRY_EXISTS (EEXIST), UNKNOWN_ENTRY (ENOENT), QUEUE_TOO_LARGE
    /// (EOVERFLOW), CPU_NOT_POSSIBLE (ENODEV).
    /// </exception>
    internal static void CheckUpdate(
        CpumapEntrySpec asked, CpumapUpdateMode mode, uint maxEntries, bool present, IReadOnlyList<uint> possible)
    {
        if (!Enum.IsDefined(mode))
        {
            throw new CommandFaultException("INVALID_SPEC", $"mode {(int)mode}: ANY, NOEXIST or EXIST", Errno.EINVAL);
        }

        CheckCpu(asked.Cpu, maxEntries);
        if (mode == CpumapUpdateMode.Noexist && present)
        {
            throw new CommandFaultException(
                "ENTRY_EXISTS", $"mode NOEXIST: CPU {asked.Cpu} has an entry", Errno.EEXIST);
        }

        if (mode == CpumapUpdateMode.Exist && !present)
        {
            throw new CommandFaultException(
                "UNKNOWN_ENTRY", $"mode EXIST: CPU {asked.Cpu} has no entry", Errno.ENOENT);
        }

        if (asked.QueueSize > QueueSizeMax)
        {
            throw new CommandFaultException(
                "QUEUE_TOO_LARGE", $"entry.queue_size {asked.QueueSize}: at most {QueueSizeMax}", Errno.EOVERFLOW);
        }

        if (!possible.Contains(asked.Cpu))
        {
            throw new CommandFaultException(
                "CPU_NOT_POSSIBLE", $"entry.cpu {asked.Cpu}: this machine can never have it", Errno.ENODEV);
        }
    }

    /// <exception cref="CommandFaultException">CPU_OUT_OF_RANGE (E2BIG).</exception>
    internal static void CheckCpu(uint cpu, uint maxEntries)
    {
        if (cpu >= maxEntries)
        {
            throw new CommandFaultException(
                "CPU_OUT_OF_RANGE", $"cpu {cpu}: the cpumap has entries for CPUs below {maxEntries}", Errno.E2BIG);
        }
    }
}
