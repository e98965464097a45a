namespace Nf.Linux;

/// <summary>Which CPUs a thread runs on.</summary>
public static unsafe class CpuAffinity
{
    /// <summary>An arbitrary limit on CPU numbers, equal to the one of glibc's cpu_set_t.</summary>
    public const int CpuCountMax = 1024;

    private const int BitsPerWord = 64;
    private const int WordCount = CpuCountMax / BitsPerWord;

    /// <summary>
    /// Keeps the calling thread on one CPU; only sensible on a thread of one's own, never a pool thread.
    /// </summary>
    /// <exception cref="LinuxException">EINVAL when the CPU does not exist or is not allowed.</exception>
    public static void PinCurrentThread(int cpu) => SetCurrentThread([cpu]);

    /// <summary>Keeps the calling thread, and threads that it starts from now on, on some CPUs.</summary>
    /// <exception cref="LinuxException">EINVAL when none of the CPUs exists and is allowed.</exception>
    public static void SetCurrentThread(IReadOnlyList<int> cpus)
    {
        ArgumentNullException.ThrowIfNull(cpus);
        ulong* mask = stackalloc ulong[WordCount];
        var words = new Span<ulong>(mask, WordCount);
        words.Clear();
        foreach (int cpu in cpus)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(cpu);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(cpu, CpuCountMax);
            words[cpu / BitsPerWord] |= 1ul << (cpu % BitsPerWord);
        }

        // SAFETY: mask is WordCount words long, which is the size given.
        Result.Check(
            Libc.sched_setaffinity(0, WordCount * sizeof(ulong), mask),
            $"sched_setaffinity(cpu {string.Join(',', cpus)})");
    }

    /// <summary>Lets a thread of this process run on any of some CPUs.</summary>
    /// <param name="tid">The kernel's number of it.</param>
    /// <param name="cpus">Where it may run.</param>
    /// <exception cref="LinuxException">ESRCH when it is gone, EINVAL when none of the CPUs is allowed.</exception>
    public static void SetThread(int tid, IEnumerable<int> cpus)
    {
        ArgumentNullException.ThrowIfNull(cpus);
        ulong* mask = stackalloc ulong[WordCount];
        new Span<ulong>(mask, WordCount).Clear();
        foreach (int cpu in cpus)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)cpu, (uint)CpuCountMax);
            mask[cpu / BitsPerWord] |= 1ul << (cpu % BitsPerWord);
        }

        // SAFETY: mask is WordCount words long, which is the size given.
        Result.Check(Libc.sched_setaffinity(tid, WordCount * sizeof(ulong), mask), $"sched_setaffinity(tid {tid})");
    }

    /// <summary>The CPUs the calling thread may run on, in ascending order.</summary>
    public static IReadOnlyList<int> AllowedCpus()
    {
        ulong* mask = stackalloc ulong[WordCount];
        new Span<ulong>(mask, WordCount).Clear();

        // SAFETY: mask is WordCount words long, which is the size given.
        Result.Check(Libc.sched_getaffinity(0, WordCount * sizeof(ulong), mask), "sched_getaffinity");
        var cpus = new List<int>();
        for (int cpu = 0; cpu < CpuCountMax; cpu++)
        {
            if ((mask[cpu / BitsPerWord] & (1ul << (cpu % BitsPerWord))) != 0)
            {
                cpus.Add(cpu);
            }
        }

        return cpus;
    }
}
