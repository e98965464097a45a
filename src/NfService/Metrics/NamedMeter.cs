using System.Diagnostics.Metrics;

namespace Nf.Service;

/// <summary>
/// A meter whose instruments have the names that their metrics have in the end, without the meter's own: the meter
/// <c>nf</c> has <c>worker_busy_seconds_total</c> for the metric <c>nf_worker_busy_seconds_total</c>.
/// </summary>
/// <remarks>
/// The adapter of prometheus-net puts the meter's name in front and adds no unit and no <c>_total</c>. Such names come
/// out of it as they come out of <see cref="MetricCollector"/>, so dashboards and alerts fit either.
/// </remarks>
internal sealed class NamedMeter
{
    /// <summary>The name of the meter.</summary>
    public const string Name = "nf";

    /// <summary>What every metric of the meter begins with.</summary>
    public const string Prefix = Name + "_";

    private readonly Meter _meter;

    public NamedMeter(IMeterFactory meters) => _meter = meters.Create(Name);

    /// <summary>The name of an instrument.</summary>
    /// <param name="metric">The metric, with prefix, without unit and <c>_total</c>.</param>
    /// <param name="unit">Its unit as UCUM has it, or null.</param>
    /// <param name="isCounter">Whether it only goes up.</param>
    public static string InstrumentName(string metric, string? unit, bool isCounter)
    {
        if (!metric.StartsWith(Prefix, StringComparison.Ordinal))
        {
            throw new ArgumentException($"{metric} does not begin with {Prefix}", nameof(metric));
        }

        string name = MetricNames.WithUnit(metric[Prefix.Length..], unit);
        return isCounter ? name + "_total" : name;
    }

    public void CreateObservableGauge<T>(string metric, Func<T> observe, string? unit, string help)
        where T : struct =>
        _meter.CreateObservableGauge(InstrumentName(metric, unit, isCounter: false), observe, unit, help);

    public void CreateObservableGauge<T>(string metric, Func<Measurement<T>> observe, string? unit, string help)
        where T : struct =>
        _meter.CreateObservableGauge(InstrumentName(metric, unit, isCounter: false), observe, unit, help);

    public void CreateObservableGauge<T>(
        string metric, Func<IEnumerable<Measurement<T>>> observe, string? unit, string help)
        where T : struct =>
        _meter.CreateObservableGauge(InstrumentName(metric, unit, isCounter: false), observe, unit, help);

    public void CreateObservableCounter<T>(
        string metric, Func<IEnumerable<Measurement<T>>> observe, string? unit, string help)
        where T : struct =>
        _meter.CreateObservableCounter(InstrumentName(metric, unit, isCounter: true), observe, unit, help);

    public Histogram<double> CreateHistogram(string metric, string unit, string help, double[] bounds) =>
        _meter.CreateHistogram(
            InstrumentName(metric, unit, isCounter: false), unit, help,
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = bounds });
}
