namespace Nf.Linux;

/// <summary>A timer that can be waited for, on the monotonic clock.</summary>
public sealed unsafe class TimerFd : IDisposable
{
    private const long NanosecondsPerSecond = 1_000_000_000;
    private const long NanosecondsPerTick = 100;

    private TimerFd(FileDescriptor descriptor) => Descriptor = descriptor;

    /// <summary>For polling: readable once the timer has fired.</summary>
    public FileDescriptor Descriptor { get; }

    /// <summary>A timer that is not yet set.</summary>
    public static TimerFd Create() => new(new FileDescriptor(Result.Check(
        Libc.timerfd_create(Libc.CLOCK_MONOTONIC, Libc.TFD_CLOEXEC | Libc.TFD_NONBLOCK), "timerfd_create")));

    /// <summary>A timer that fires every <paramref name="interval"/> from now on.</summary>
    public static TimerFd Periodic(TimeSpan interval)
    {
        TimerFd timer = Create();
        timer.Set(interval, interval);
        return timer;
    }

    /// <summary>A timer that fires once, after <paramref name="due"/>.</summary>
    public static TimerFd OneShot(TimeSpan due)
    {
        TimerFd timer = Create();
        timer.Set(due, TimeSpan.Zero);
        return timer;
    }

    /// <summary>Sets when it fires next, and how often after that; zero intervals mean once.</summary>
    /// <param name="due">From now; zero stops the timer.</param>
    /// <param name="interval">Between later firings.</param>
    public void Set(TimeSpan due, TimeSpan interval)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(due, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(interval, TimeSpan.Zero);
        var value = new itimerspec { it_value = ToTimespec(due), it_interval = ToTimespec(interval) };

        // SAFETY: value is a local that the kernel only reads during the call.
        Result.Check(Libc.timerfd_settime(Descriptor, 0, &value, null), "timerfd_settime");
    }

    /// <summary>Takes how often the timer has fired since the last call.</summary>
    /// <returns>False when it has not.</returns>
    public bool TryRead(out ulong firings)
    {
        ulong count;

        // SAFETY: count is a local of the 8 bytes a timerfd returns.
        while (Libc.read(Descriptor, &count, sizeof(ulong)) < 0)
        {
            Errno errno = Result.LastErrno;
            if (errno == Errno.EAGAIN)
            {
                firings = 0;
                return false;
            }

            if (errno != Errno.EINTR)
            {
                Result.Throw("read(timerfd)");
            }
        }

        firings = count;
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => Descriptor.Dispose();

    private static timespec ToTimespec(TimeSpan span)
    {
        long nanoseconds = checked(span.Ticks * NanosecondsPerTick);
        return new timespec
        {
            tv_sec = nanoseconds / NanosecondsPerSecond,
            tv_nsec = nanoseconds % NanosecondsPerSecond,
        };
    }
}
