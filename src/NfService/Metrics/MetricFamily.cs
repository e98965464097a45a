using System.Text;

namespace Nf.Service;

/// <summary>The series of one metric. Thread-safe.</summary>
internal sealed class MetricFamily(string name, MetricKind kind, string help, string? unit, double[] bounds)
{
    /// <summary>Most series of a metric. Arbitrary: sockets × reasons fits, a runaway label is stopped.</summary>
    public const int SeriesMax = 4096;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, MetricSeries> _series = new(StringComparer.Ordinal);

    public string Name { get; } = name;

    public MetricKind Kind { get; } = kind;

    public string Help { get; } = help;

    /// <summary>The unit's word when the name ends in it.</summary>
    public string? Unit { get; } = unit;

    /// <summary>Upper bounds of the buckets of a histogram, without infinity.</summary>
    public double[] Bounds { get; } = bounds;

    /// <summary>Measurements left out since the process began, as there were too many series.</summary>
    public long LeftOut { get; private set; }

    /// <summary>Forgets the series: those of an observed instrument are told anew by every scrape.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _series.Clear();
        }
    }

    /// <summary>Takes in a measurement.</summary>
    /// <param name="value">What was measured.</param>
    /// <param name="tags">Of what.</param>
    /// <param name="isDelta">Whether it adds to what was measured before; otherwise it replaces it.</param>
    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, bool isDelta)
    {
        string labels = RenderLabels(tags);
        lock (_lock)
        {
            if (!_series.TryGetValue(labels, out MetricSeries? series))
            {
                if (_series.Count >= SeriesMax)
                {
                    LeftOut++;
                    return;
                }

                _series[labels] = series = new MetricSeries(labels, Bounds.Length);
            }

            if (Kind == MetricKind.Histogram)
            {
                series.Observe(value, Bounds);
            }
            else
            {
                series.Value = isDelta ? series.Value + value : value;
            }
        }
    }

    /// <summary>Copies of the series, by labels.</summary>
    public IReadOnlyList<MetricSeries> Snapshot()
    {
        lock (_lock)
        {
            return [.. _series.Values.Select(series => series.Copy())];
        }
    }

    /// <summary>Labels in the order of their names, so that equal sets give equal text.</summary>
    private static string RenderLabels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.IsEmpty)
        {
            return "";
        }

        var labels = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach ((string key, object? value) in tags)
        {
            labels[MetricNames.LabelName(key)] = value switch
            {
                null => "",
                bool flag => flag ? "true" : "false",
                _ => value.ToString() ?? "",
            };
        }

        var text = new StringBuilder();
        foreach ((string name, string value) in labels)
        {
            text.Append(text.Length == 0 ? "" : ",").Append(name).Append("=\"");
            foreach (char c in value)
            {
                _ = c switch
                {
                    '\\' => text.Append("\\\\"),
                    '"' => text.Append("\\\""),
                    '\n' => text.Append("\\n"),
                    _ => text.Append(c),
                };
            }

            text.Append('"');
        }

        return text.ToString();
    }
}

/// <summary>One series of a metric. Its family locks.</summary>
internal sealed class MetricSeries(string labels, int boundCount)
{
    /// <summary>The labels as they are written, without braces.</summary>
    public string Labels { get; } = labels;

    /// <summary>The value; of a histogram, the sum.</summary>
    public double Value { get; set; }

    /// <summary>Observations per bucket, not cumulated; the last is above every bound.</summary>
    public long[] Buckets { get; private init; } = new long[boundCount + 1];

    /// <summary>Takes in an observation.</summary>
    public void Observe(double value, double[] bounds)
    {
        int bucket = 0;
        while (bucket < bounds.Length && value > bounds[bucket])
        {
            bucket++;
        }

        Buckets[bucket]++;
        Value += value;
    }

    public MetricSeries Copy() => new(Labels, 0) { Value = Value, Buckets = [.. Buckets] };
}
