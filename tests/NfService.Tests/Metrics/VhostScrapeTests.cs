using System.Diagnostics;
using Nf.V1;

namespace Nf.Service.Tests;

/// <summary>The metrics of vhost-user devices and bridges.</summary>
public sealed class VhostScrapeTests
{
    [Fact]
    public async Task Scrape_OfADevice_HasItsCountersFromTheSegment()
    {
        await using RunningService service = await StartAsync();

        string[] lines = await ScrapeAsync(service);

        const string Port = "queue_pair=\"0\"";
        Assert.Contains($"nf_vhost_packets_total{{direction=\"rx\",{Port},vhost_device=\"v\"}} 10", lines);
        Assert.Contains($"nf_vhost_bytes_total{{direction=\"tx\",{Port},vhost_device=\"v\"}} 77", lines);
        Assert.Contains($"nf_vhost_kicks_total{{{Port},vhost_device=\"v\"}} 3", lines);
        Assert.Contains($"nf_vhost_calls_total{{{Port},result=\"sent\",vhost_device=\"v\"}} 4", lines);
        Assert.Contains($"nf_vhost_calls_total{{{Port},result=\"suppressed\",vhost_device=\"v\"}} 5", lines);
        Assert.Contains($"nf_vhost_ring_pending{{{Port},ring=\"to_guest\",vhost_device=\"v\"}} 6", lines);
        Assert.Contains($"nf_vhost_ring_pending{{{Port},ring=\"from_guest\",vhost_device=\"v\"}} 7", lines);
        Assert.Contains($"nf_vhost_bad_chains_total{{{Port},vhost_device=\"v\"}} 8", lines);
        Assert.Contains($"nf_vhost_ring_faults_total{{{Port},vhost_device=\"v\"}} 9", lines);
        Assert.Contains(
            $"nf_vhost_drops_total{{direction=\"rx\",{Port},reason=\"no_guest_buffer\",vhost_device=\"v\"}} 2", lines);
        Assert.Contains("nf_bridge_entries{bridge=\"br\"} 5", lines);
        Assert.Contains("nf_bridge_entries_limit{bridge=\"br\"} 4096", lines);
        Assert.Contains(
            "nf_bridge_port_dropped_packets_total{bridge=\"br\",direction=\"tx\",port=\"0\"} 3", lines);
        string info = Assert.Single(lines, l => l.StartsWith("nf_vhost_device_info{", StringComparison.Ordinal)
            && l.Contains("vhost_device=\"v\"", StringComparison.Ordinal));
        Assert.Contains("label_pod=\"p\"", info);
        Assert.Contains("socket_path=\"/run/nf/v.sock\"", info);
        Assert.Contains("bridge=\"br\"", info);
        Assert.Equal(lines.Length, lines.Where(l => l.Length > 0).Distinct().Count() + 1);
    }

    // No command changes a device whose guest misbehaves, and no event has to tell: the service asks by itself.
    [Fact]
    public async Task Scrape_AfterTheGuestMisbehaved_TellsTheFaultsByKind()
    {
        await using RunningService service = await StartAsync();
        service.DataPlane.Inventory.Change("v", status =>
        {
            status.State = VhostState.Broken;
            status.Faults.Add(new VhostFault { Kind = "ring", Count = 2 });
        });

        string[] lines = await ScrapeUntilAsync(service, "nf_vhost_device_faults_total{");

        Assert.Contains("nf_vhost_device_faults_total{kind=\"ring\",vhost_device=\"v\"} 2", lines);
        Assert.Contains("nf_vhost_device_up{vhost_device=\"v\"} 0", lines);
        Assert.Contains("nf_vhost_device_connected{vhost_device=\"v\"} 1", lines);
    }

    private static async Task<RunningService> StartAsync()
    {
        RunningService service = await RunningService.StartAsync();
        CreateVhostDeviceRequest request = Requests.Vhost();
        request.Labels["pod"] = "p";
        await service.VhostDevices.CreateVhostDeviceAsync(request);
        await service.CreateVhostAsync("w");
        await service.BridgeAsync("br", Requests.Device("v"), Requests.Device("w"));
        VhostSegment.Fill(service.DataPlane.Segment, slot: 0, pair: 0);
        return service;
    }

    private static async Task<string[]> ScrapeAsync(RunningService service)
    {
        using HttpClient http = service.NewHttpClient();
        return (await http.GetStringAsync("/metrics")).Split('\n');
    }

    private static async Task<string[]> ScrapeUntilAsync(RunningService service, string wanted)
    {
        long start = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (true)
        {
            string[] lines = await ScrapeAsync(service);
            if (lines.Any(line => line.StartsWith(wanted, StringComparison.Ordinal)))
            {
                return lines;
            }

            Assert.True(Stopwatch.GetElapsedTime(start) < Deadline.Patience, $"no scrape ever had {wanted}");
            await timer.WaitForNextTickAsync();
        }
    }
}
