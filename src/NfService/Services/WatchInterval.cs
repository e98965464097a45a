using Google.Protobuf.WellKnownTypes;

namespace Nf.Service;

/// <summary>How often a watcher is told.</summary>
internal static class WatchInterval
{
    private static readonly TimeSpan Min = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Max = TimeSpan.FromHours(1);

    /// <exception cref="InvalidSpecException">It is no duration, or not within 100 ms to 1 h.</exception>
    public static TimeSpan Parse(Duration interval)
    {
        // Compared before it is converted: a hostile duration does not fit a TimeSpan.
        bool isSane = interval.Seconds is >= 0 and <= 3600 && interval.Nanos is >= 0 and < 1_000_000_000;
        TimeSpan asked = isSane ? interval.ToTimeSpan() : default;
        return asked >= Min && asked <= Max
            ? asked
            : throw new InvalidSpecException(
                "interval", $"{interval.Seconds} s and {interval.Nanos} ns is not within 100 ms to 1 h");
    }
}
