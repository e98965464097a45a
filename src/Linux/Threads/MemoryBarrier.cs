namespace Nf.Linux;

/// <summary>membarrier(2).</summary>
public static class MemoryBarrier
{
    // MEMBARRIER_CMD_GLOBAL of linux/membarrier.h.
    private const int CommandGlobal = 1;

    /// <summary>
    /// Returns when everything that ran in the kernel under RCU has ended once, BPF programs of the network among it:
    /// the command is an RCU grace period. Takes some milliseconds.
    /// </summary>
    /// <returns>False when the kernel refuses, as it does when started with nohz_full.</returns>
    public static bool TryWaitForGracePeriod() =>
        Libc.syscall6(Libc.SYS_membarrier, CommandGlobal, 0, 0, 0, 0, 0) >= 0;
}
