namespace Nf.Ctl.Parsing;

/// <summary>Durations as people write them: <c>10s</c>, <c>250ms</c>, <c>1.5m</c>; a bare number is seconds.</summary>
internal static class Durations
{
    // An arbitrary limit that keeps every deadline representable; nobody waits longer for a call.
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    private static readonly (string Suffix, decimal Ticks)[] Units =
    [
        ("", TimeSpan.TicksPerSecond), ("s", TimeSpan.TicksPerSecond), ("ms", TimeSpan.TicksPerMillisecond),
        ("us", TimeSpan.TicksPerMicrosecond), ("m", TimeSpan.TicksPerMinute), ("h", TimeSpan.TicksPerHour),
    ];

    /// <summary>A positive duration of at most one day.</summary>
    /// <exception cref="FormatException">Not a duration, zero, or too long.</exception>
    internal static TimeSpan Parse(string text)
    {
        int numberLength = Numbers.LengthOfNumber(text);
        decimal unit = Array.Find(Units, u => u.Suffix == text[numberLength..]).Ticks;
        if (unit == 0
            || !Numbers.TryDecimal(text.AsSpan(0, numberLength), out decimal number))
        {
            throw new FormatException($"'{text}' is not a duration; write it like 10s, 250ms or 1m");
        }

        if (number > Longest.Ticks / unit)
        {
            throw new FormatException($"'{text}' is longer than a day");
        }

        long ticks = (long)(number * unit);
        return ticks > 0 ? TimeSpan.FromTicks(ticks) : throw new FormatException($"'{text}' is not above zero");
    }
}
