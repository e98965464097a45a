using System.Diagnostics;

namespace Nf.Linux.Tests.Support;

/// <summary>Waits for what the kernel does on its own time.</summary>
public static class Wait
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>Looks again and again until it is so; fails with the words given when that takes too long.</summary>
    public static void Until(Func<bool> condition, string what)
    {
        long start = Stopwatch.GetTimestamp();
        using TimerFd tick = TimerFd.Periodic(TimeSpan.FromMilliseconds(1));
        using var epoll = new Epoll();
        epoll.Add(tick.Descriptor, EpollEvents.In, 0);
        var events = new EpollEvent[1];
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Limit, $"not within {Limit.TotalSeconds} s: {what}");
            epoll.Wait(events, -1);
            tick.TryRead(out _);
        }
    }
}
