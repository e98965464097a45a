using System.Diagnostics.Metrics;

namespace Nf.Service;

/// <summary>Listens to the meters of this process and keeps what they measure for the next scrape.</summary>
internal sealed class MetricCollector : IDisposable
{
    /// <summary>The meters that are exported: ours, and those that ASP.NET and the runtime bring.</summary>
    public static readonly IReadOnlyList<string> MetersDefault =
        [NamedMeter.Name, "System.Runtime", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel"];

    // Seconds; where an instrument advises none.
    private static readonly double[] BoundsDefault =
        [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private readonly Func<Meter, bool> _isWanted;
    private readonly ILogger<MetricCollector> _logger;
    private readonly MeterListener _listener = new();
    private readonly Lock _lock = new();
    private readonly Lock _scrape = new();
    private readonly SortedDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);
    private readonly HashSet<MetricFamily> _observed = [];
    private readonly HashSet<string> _warned = [];

    /// <summary>Listens to the meters of one host, and to those that belong to none, such as the runtime's.</summary>
    /// <remarks>
    /// A listener hears every meter of the process. Another host's would write to the same series as ours, and a scrape
    /// would tell whatever came last. A meter factory is the scope of the meters it made.
    /// </remarks>
    public MetricCollector(IMeterFactory meters, ILogger<MetricCollector> logger)
        : this(
            meter => MetersDefault.Contains(meter.Name)
                && (meter.Scope is null || ReferenceEquals(meter.Scope, meters)),
            logger)
    {
    }

    /// <summary>Listens to some meters only.</summary>
    public MetricCollector(Func<Meter, bool> isWanted, ILogger<MetricCollector> logger)
    {
        _isWanted = isWanted;
        _logger = logger;
        _listener.InstrumentPublished = Publish;
        _listener.SetMeasurementEventCallback<byte>((i, v, tags, state) => Record(i, v, tags, state));
        _listener.SetMeasurementEventCallback<short>((i, v, tags, state) => Record(i, v, tags, state));
        _listener.SetMeasurementEventCallback<int>((i, v, tags, state) => Record(i, v, tags, state));
        _listener.SetMeasurementEventCallback<long>((i, v, tags, state) => Record(i, v, tags, state));
        _listener.SetMeasurementEventCallback<float>((i, v, tags, state) => Record(i, v, tags, state));
        _listener.SetMeasurementEventCallback<double>((i, v, tags, state) => Record(i, v, tags, state));
        _listener.SetMeasurementEventCallback<decimal>((i, v, tags, state) => Record(i, (double)v, tags, state));
        _listener.Start();
    }

    /// <summary>Upper bounds of the buckets of a histogram: those it advises, or ours.</summary>
    public static double[] Bounds(Instrument instrument) => instrument switch
    {
        Histogram<double> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds],
        Histogram<int> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(bound => (double)bound)],
        Histogram<long> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(bound => (double)bound)],
        _ => BoundsDefault,
    };

    /// <summary>Every metric with its series now, by name. One scrape at a time.</summary>
    public IReadOnlyList<(MetricFamily Family, IReadOnlyList<MetricSeries> Series)> Collect()
    {
        lock (_scrape)
        {
            MetricFamily[] families;
            lock (_lock)
            {
                foreach (MetricFamily family in _observed)
                {
                    family.Clear();
                }
            }

            try
            {
                _listener.RecordObservableInstruments();
            }
            catch (AggregateException e)
            {
                // One instrument failed; the others are told all the same.
                Log.RequestFailed(_logger, "scrape", e);
            }

            lock (_lock)
            {
                families = [.. _families.Values];
            }

            foreach (MetricFamily family in families.Where(f => f.LeftOut > 0 && _warned.Add(f.Name)))
            {
                Log.TooManySeries(_logger, family.Name, MetricFamily.SeriesMax);
            }

            return [.. families.Select(family => (family, family.Snapshot())).Where(f => f.Item2.Count > 0)];
        }
    }

    public void Dispose() => _listener.Dispose();

    private static void Record(
        Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        // An instrument that is not observed tells what was added; only Gauge<T> tells the value itself.
        bool isDelta = !instrument.IsObservable
            && !instrument.GetType().Name.StartsWith("Gauge", StringComparison.Ordinal);
        ((MetricFamily)state!).Record(value, tags, isDelta);
    }

    private void Publish(Instrument instrument, MeterListener listener)
    {
        if (!_isWanted(instrument.Meter))
        {
            return;
        }

        string name = MetricNames.FamilyName(instrument);
        MetricKind kind = MetricNames.KindOf(instrument);
        MetricFamily? family;
        lock (_lock)
        {
            if (!_families.TryGetValue(name, out family))
            {
                string help = string.IsNullOrWhiteSpace(instrument.Description)
                    ? instrument.Name
                    : instrument.Description;
                _families[name] = family =
                    new MetricFamily(name, kind, help, MetricNames.UnitWord(instrument.Unit), Bounds(instrument));
            }

            // Two instruments of one name and another kind cannot share a metric; the first one has it.
            if (family.Kind != kind)
            {
                return;
            }

            if (instrument.IsObservable)
            {
                _observed.Add(family);
            }
        }

        listener.EnableMeasurementEvents(instrument, family);
    }
}
