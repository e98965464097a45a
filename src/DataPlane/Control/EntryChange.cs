using System.Diagnostics;
using Nf.DataPlane.Cpumaps;
using Nf.Linux;

namespace Nf.DataPlane.Control;

/// <summary>
/// A change of an entry of the kernel on its way: on a thread of its own it asks the kernel, which answers when it
/// likes, and waits for the end of the thread that was replaced.
/// </summary>
/// <param name="kernel">The map; open while this is under way.</param>
/// <param name="threads">How many there are.</param>
/// <param name="cpu">The CPU.</param>
/// <param name="drain">How long to wait for the end of the replaced thread.</param>
internal sealed class EntryChange(KernelCpumap kernel, KernelThreads threads, uint cpu, TimeSpan drain)
{
    /// <summary>
    /// Between two looks at the threads. One ends after a grace period of the kernel, which takes some milliseconds.
    /// </summary>
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(1);

    private static readonly ManualResetEventSlim Never = new();

    /// <summary>Asks the kernel to set the entry.</summary>
    /// <param name="queueSize">Frames the queue holds.</param>
    /// <param name="program">What it runs; null for nothing.</param>
    /// <param name="isResponsive">Whether a thread can run on the CPU within a time.</param>
    /// <returns>Null when it is set, or the fault.</returns>
    internal CommandFaultException? TrySet(uint queueSize, BpfProgram? program, Func<uint, TimeSpan, bool> isResponsive)
    {
        if (!isResponsive(cpu, CpuProbe.Patience))
        {
            return new CommandFaultException(
                "CPU_UNRESPONSIVE",
                $"CPU {cpu} ran no ordinary thread for {CpuProbe.Patience.TotalSeconds} s: real-time threads have it, "
                + "and the thread of the entry could not start",
                Errno.ETIMEDOUT);
        }

        try
        {
            kernel.Map.UpdateCpumap(cpu, queueSize, program);
            threads.Begun(kernel.Id, cpu);
            return null;
        }
        catch (LinuxException refusal)
        {
            return Fault(refusal, program);
        }
    }

    /// <summary>Asks the kernel to remove the entry.</summary>
    /// <returns>Null when it is gone, or the fault.</returns>
    internal CommandFaultException? TryRemove()
    {
        try
        {
            kernel.Map.Delete(cpu);
            return null;
        }
        catch (LinuxException refusal)
        {
            return CommandFaultException.From("CPUMAP_REFUSED", $"cpu {cpu}", refusal);
        }
    }

    /// <summary>Waits until the kernel has no more threads for the CPU than there should be.</summary>
    /// <param name="expected">1, or 0 when the entry was removed.</param>
    /// <returns>False when there are more after the time, or nobody can tell.</returns>
    internal bool WaitForThreads(uint expected)
    {
        for (long begin = Stopwatch.GetTimestamp(); ; Never.Wait(Glance))
        {
            uint? alive = threads.Alive(kernel.Id, cpu);
            if (alive is null || alive <= expected || Stopwatch.GetElapsedTime(begin) >= drain)
            {
                return alive <= expected;
            }
        }
    }

    // Everything else was judged before; what the kernel itself calls ENOMEM is told apart here as far as it can be.
    private CommandFaultException Fault(LinuxException refusal, BpfProgram? program) => refusal.Errno switch
    {
        Errno.ENOMEM or Errno.EINVAL or Errno.EBADF when program is not null => CommandFaultException.From(
            "PROGRAM_REFUSED",
            $"cpu {cpu}: the kernel has no memory for the queue, or refuses the program: the programs that send into "
            + "the cpumap are of another kind (frags), or it was loaded for another attach type",
            refusal),
        Errno.ENOMEM => CommandFaultException.From(
            "MEMORY_EXHAUSTED", $"cpu {cpu}: the kernel has no memory for the queue, or cannot make a thread", refusal),
        Errno.EPERM => CommandFaultException.From(
            "CPUMAP_REFUSED", $"cpu {cpu}: the map is frozen, or CAP_BPF is missing", refusal),
        _ => CommandFaultException.From("CPUMAP_REFUSED", $"cpu {cpu}", refusal),
    };
}
