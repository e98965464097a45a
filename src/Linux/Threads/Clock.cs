namespace Nf.Linux;

/// <summary>Time as the kernel counts it, comparable between the processes of a machine.</summary>
public static unsafe class Clock
{
    private const long NanosecondsPerSecond = 1_000_000_000;

    /// <summary>Nanoseconds of CLOCK_MONOTONIC: since boot, without time spent suspended.</summary>
    public static long MonotonicNs() => Read(Libc.CLOCK_MONOTONIC);

    /// <summary>Nanoseconds of CLOCK_TAI, which software transmit timestamps use.</summary>
    public static long TaiNs() => Read(Libc.CLOCK_TAI);

    private static long Read(int clock)
    {
        timespec time;

        // SAFETY: time is a local of the size the kernel writes.
        Result.Check(Libc.clock_gettime(clock, &time), "clock_gettime");
        return (time.tv_sec * NanosecondsPerSecond) + time.tv_nsec;
    }
}
