using System.Globalization;

namespace Nf.Ctl.Rendering;

/// <summary>Numbers for people.</summary>
internal static class Quantity
{
    /// <summary>What is shown where there is no number.</summary>
    internal const string Unknown = "-";

    private static readonly (double Factor, string Suffix)[] Steps = [(1e9, " G"), (1e6, " M"), (1e3, " k")];

    /// <summary>A rate with three digits: <c>0</c>, <c>987</c>, <c>12.3 k</c>, <c>1.23 M</c>.</summary>
    internal static string Rate(double? perSecond)
    {
        if (perSecond is not { } rate)
        {
            return Unknown;
        }

        foreach ((double factor, string suffix) in Steps)
        {
            // 999.6 would round to "1000": the next unit begins half a digit earlier.
            if (rate >= factor * 0.9995)
            {
                return ThreeDigits(rate / factor) + suffix;
            }
        }

        return rate is > 0 and < 1 ? "<1" : rate.ToString("0", CultureInfo.InvariantCulture);
    }

    /// <summary>Bits per second in Gbit/s, three decimals.</summary>
    internal static string Gigabits(double? bytesPerSecond)
    {
        return bytesPerSecond is { } rate
            ? (rate * 8 / 1e9).ToString("0.000", CultureInfo.InvariantCulture)
            : Unknown;
    }

    /// <summary>A share of one as a percentage.</summary>
    internal static string Percent(double? share)
    {
        return share is { } part ? (part * 100).ToString("0.0", CultureInfo.InvariantCulture) + "%" : Unknown;
    }

    /// <summary>A span of time, coarsely: <c>250ms</c>, <c>12s</c>, <c>3m5s</c>, <c>2h3m</c>, <c>4d2h</c>.</summary>
    internal static string Age(TimeSpan age)
    {
        FormattableString text = age switch
        {
            { Ticks: < 0 } => $"0s",
            { TotalSeconds: < 1 } => $"{age.Milliseconds}ms",
            { TotalMinutes: < 1 } => $"{age.Seconds}s",
            { TotalHours: < 1 } => $"{age.Minutes}m{age.Seconds}s",
            { TotalDays: < 1 } => $"{age.Hours}h{age.Minutes}m",
            _ => $"{age.Days}d{age.Hours}h",
        };
        return text.ToString(CultureInfo.InvariantCulture);
    }

    private static string ThreeDigits(double value)
    {
        string format = value < 9.995 ? "0.00" : value < 99.95 ? "0.0" : "0";
        return value.ToString(format, CultureInfo.InvariantCulture);
    }
}
