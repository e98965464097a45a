using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging.Abstractions;

namespace Nf.Service.Tests;

public sealed class ExpositionTests : IDisposable
{
    private readonly Meter _meter = new("Nf.Tests");
    private readonly MetricCollector _collector;

    public ExpositionTests() => _collector = new MetricCollector(
        meter => ReferenceEquals(meter, _meter), NullLogger<MetricCollector>.Instance);

    [Fact]
    public void Write_EveryKindOfInstrument_IsAsExpected()
    {
        Fill();

        Assert.Equal(
            """
            # HELP busy_seconds_total Time spent
            # TYPE busy_seconds_total counter
            busy_seconds_total{cpu="1"} 1.5
            # HELP latency_seconds How long
            # TYPE latency_seconds histogram
            latency_seconds_bucket{le="0.5"} 1
            latency_seconds_bucket{le="1.0"} 2
            latency_seconds_bucket{le="+Inf"} 3
            latency_seconds_sum 4.25
            latency_seconds_count 3
            # HELP pool_current Things
            # TYPE pool_current gauge
            pool_current -2
            # HELP requests_total With \\ and \n
            # TYPE requests_total counter
            requests_total{a="x\"y\\z\n",b="2"} 3

            """,
            MetricWriter.Write(_collector.Collect(), MetricFormat.Prometheus),
            ignoreLineEndingDifferences: true);
    }

    [Fact]
    public void Write_OpenMetrics_NamesCountersWithoutTotalAndEnds()
    {
        Fill();

        string text = MetricWriter.Write(_collector.Collect(), MetricFormat.OpenMetrics);

        Assert.Contains("# TYPE busy_seconds counter\n# UNIT busy_seconds seconds\nbusy_seconds_total", text);
        Assert.EndsWith("# EOF\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Collect_TagsInAnotherOrder_IsOneSeries()
    {
        Counter<int> counter = _meter.CreateCounter<int>("c", null, "Help");
        counter.Add(1, new("a", 1), new("b", 2));
        counter.Add(1, new("b", 2), new("a", 1));

        Assert.Equal(2, _collector.Collect().Single().Series.Single().Value);
    }

    [Fact]
    public void Collect_ObservedSeriesThatIsGone_IsNotTold()
    {
        string[] names = ["a", "b"];
        _meter.CreateObservableGauge(
            "g",
            () => names.Select(n => new Measurement<int>(1, new KeyValuePair<string, object?>("n", n))),
            null,
            "Help");
        Assert.Equal(2, _collector.Collect().Single().Series.Count);

        names = ["b"];

        Assert.Equal("n=\"b\"", _collector.Collect().Single().Series.Single().Labels);
    }

    [Fact]
    public void Collect_MoreSeriesThanTheCap_LeavesTheRestOut()
    {
        Counter<int> counter = _meter.CreateCounter<int>("c", null, "Help");
        for (int i = 0; i < MetricFamily.SeriesMax + 5; i++)
        {
            counter.Add(1, new KeyValuePair<string, object?>("i", i));
        }

        (MetricFamily family, IReadOnlyList<MetricSeries> series) = _collector.Collect().Single();

        Assert.Equal((MetricFamily.SeriesMax, 5L), (series.Count, family.LeftOut));
    }

    [Theory]
    [InlineData("", MetricFormat.Prometheus)]
    [InlineData("*/*", MetricFormat.Prometheus)]
    [InlineData("text/plain;version=0.0.4", MetricFormat.Prometheus)]
    [InlineData("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", MetricFormat.OpenMetrics)]
    [InlineData("application/openmetrics-text;q=0.2,text/plain;q=0.5", MetricFormat.Prometheus)]
    [InlineData("application/openmetrics-text;q=0", MetricFormat.Prometheus)]
    [InlineData(",,;", MetricFormat.Prometheus)]
    internal void Choose_AcceptHeader_DecidesTheFormat(string accept, MetricFormat format) =>
        Assert.Equal(format, MetricsEndpoint.Choose(accept));

    public void Dispose()
    {
        _collector.Dispose();
        _meter.Dispose();
    }

    private void Fill()
    {
        _meter.CreateCounter<int>("requests", null, "With \\ and \n").Add(3, new("b", 2), new("a", "x\"y\\z\n"));
        _meter.CreateUpDownCounter<int>("pool.count", "{thing}", "Things").Add(-2);
        _meter.CreateObservableCounter(
            "busy", () => new Measurement<double>(1.5, new KeyValuePair<string, object?>("cpu", 1)), "s", "Time spent");
        Histogram<double> latency = _meter.CreateHistogram(
            "latency", "s", "How long", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.5, 1] });
        latency.Record(0.25);
        latency.Record(1);
        latency.Record(3);
    }
}
