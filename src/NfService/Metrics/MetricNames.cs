using System.Diagnostics.Metrics;
using System.Text;

namespace Nf.Service;

/// <summary>What an instrument is for Prometheus.</summary>
internal enum MetricKind
{
    Counter,
    Gauge,
    Histogram,
}

/// <summary>Turns names and units of instruments into those of Prometheus.</summary>
internal static class MetricNames
{
    // Declared as counters by the runtime, yet they go down.
    private static readonly string[] GaugesInDisguise =
        ["dotnet.thread_pool.thread.count", "dotnet.thread_pool.queue.length"];

    /// <summary>The kind of an instrument.</summary>
    public static MetricKind KindOf(Instrument instrument)
    {
        if (GaugesInDisguise.Contains(instrument.Name))
        {
            return MetricKind.Gauge;
        }

        string type = instrument.GetType().Name;
        return type.StartsWith("Histogram", StringComparison.Ordinal) ? MetricKind.Histogram
            : type.StartsWith("Counter", StringComparison.Ordinal)
                || type.StartsWith("ObservableCounter", StringComparison.Ordinal) ? MetricKind.Counter
            : MetricKind.Gauge;
    }

    /// <summary>The word for a unit in a name, or nothing.</summary>
    public static string? UnitWord(string? unit) => unit switch
    {
        "s" => "seconds",
        "By" => "bytes",
        _ => null,
    };

    /// <summary>The name of a family, without <c>_total</c>.</summary>
    public static string FamilyName(Instrument instrument)
    {
        var name = new StringBuilder(instrument.Name.Length + 16);
        foreach (char c in instrument.Name)
        {
            name.Append(char.IsAsciiLetterOrDigit(c) || c == '_' ? c : '_');
        }

        if (name.Length == 0 || char.IsAsciiDigit(name[0]))
        {
            name.Insert(0, '_');
        }

        string plain = name.ToString();
        MetricKind kind = KindOf(instrument);
        plain = WithoutSuffix(plain, "_total");

        // The suffix _count belongs to histograms.
        if (kind != MetricKind.Histogram && plain.EndsWith("_count", StringComparison.Ordinal))
        {
            plain = WithoutSuffix(plain, "_count") + "_current";
        }

        plain = WithUnit(plain, instrument.Unit);
        return instrument.Meter.Name == NamedMeter.Name ? NamedMeter.Prefix + plain : plain;
    }

    /// <summary>A name that ends in the word for a unit, where there is one.</summary>
    public static string WithUnit(string name, string? unit) =>
        UnitWord(unit) is { } word && !name.EndsWith("_" + word, StringComparison.Ordinal) ? $"{name}_{word}" : name;

    /// <summary>The name of a label.</summary>
    public static string LabelName(string key)
    {
        var name = new StringBuilder(key.Length);
        foreach (char c in key)
        {
            name.Append(char.IsAsciiLetterOrDigit(c) || c == '_' ? c : '_');
        }

        if (name.Length == 0 || char.IsAsciiDigit(name[0]))
        {
            name.Insert(0, '_');
        }

        return name.ToString();
    }

    /// <summary>A C# name in snake case, such as <c>STATE_CHANGED</c> was before protoc.</summary>
    public static string Snake(string pascal)
    {
        var snake = new StringBuilder(pascal.Length + 4);
        for (int i = 0; i < pascal.Length; i++)
        {
            if (char.IsAsciiLetterUpper(pascal[i]) && i > 0)
            {
                snake.Append('_');
            }

            snake.Append(char.ToLowerInvariant(pascal[i]));
        }

        return snake.ToString();
    }

    private static string WithoutSuffix(string name, string suffix) =>
        name.EndsWith(suffix, StringComparison.Ordinal) ? name[..^suffix.Length] : name;
}
