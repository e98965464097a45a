using System.Diagnostics.Metrics;

namespace Nf.Service.Tests;

public sealed class NamedMeterTests
{
    [Theory]
    [InlineData("nf_worker_busy", "s", true, "worker_busy_seconds_total")]
    [InlineData("nf_link_bytes", "By", true, "link_bytes_total")]
    [InlineData("nf_umem_mapped", "By", false, "umem_mapped_bytes")]
    [InlineData("nf_link_up", null, false, "link_up")]
    [InlineData("nf_events", null, true, "events_total")]
    public void InstrumentName_OfAMetric_IsItsLastNameWithoutPrefix(
        string metric, string? unit, bool isCounter, string name) =>
        Assert.Equal(name, NamedMeter.InstrumentName(metric, unit, isCounter));

    [Fact]
    public void InstrumentName_WithoutPrefix_Throws() =>
        Assert.Throws<ArgumentException>(() => NamedMeter.InstrumentName("link_up", null, isCounter: false));

    // The adapter of prometheus-net takes "meter_instrument", in lower case, with _ for what a name may not have.
    [Fact]
    public async Task Instruments_NamedAsPrometheusNetDoes_HaveTheNamesWeExport()
    {
        await using RunningService service = await RunningService.StartAsync(new FakeDataPlane { Listens = false });
        List<Instrument> found = [];
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name == NamedMeter.Name)
                {
                    found.Add(instrument);
                }
            },
        };
        listener.Start();

        Assert.Contains(found, instrument => instrument.Name == "worker_busy_seconds_total");
        Assert.All(found, instrument =>
        {
            string exported = MetricNames.FamilyName(instrument)
                + (MetricNames.KindOf(instrument) == MetricKind.Counter ? "_total" : "");
            string adapted = string.Concat($"{instrument.Meter.Name}_{instrument.Name}"
                .ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'));
            Assert.Equal(exported, adapted);
        });
    }
}
