using System.Diagnostics;
using System.Net;
using Nf.V1;

namespace Nf.Service.Tests;

/// <summary>The metrics of a running service, as Prometheus' own tool sees them.</summary>
public sealed class ScrapeTests
{
    [Fact]
    public async Task Scrape_WithEveryKindOfResource_PassesPromtool()
    {
        await using RunningService service = await StartWithTrafficAsync();
        using HttpClient http = service.NewHttpClient();

        string text = await http.GetStringAsync("/metrics");

        Assert.Equal((0, ""), await PromtoolAsync(text));
    }

    // promtool reads the text format only; Prometheus' own Python client has the strict parser of OpenMetrics.
    [Fact]
    public async Task Scrape_AsOpenMetrics_IsReadByPrometheusClientToTheSameFigures()
    {
        const string Script = """
            import sys
            from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
            for family in parse(sys.stdin.read()):
                for sample in family.samples:
                    if sample.name in ("nf_xsk_socket_packets_total", "nf_worker_busy_seconds_total"):
                        print(family.type, family.unit, sample.name, dict(sample.labels), float(sample.value))
            """;
        await using RunningService service = await StartWithTrafficAsync();
        using HttpClient http = service.NewHttpClient();
        http.DefaultRequestHeaders.Add("Accept", "application/openmetrics-text");

        (int exitCode, string said) = await CheckedByAsync(
            "/usr/bin/python3", ["-c", Script], await http.GetStringAsync("/metrics"));

        Assert.True(exitCode == 0, said);
        Assert.Contains(
            "counter  nf_xsk_socket_packets_total {'direction': 'rx', 'xsk_socket': 'a'} 10.0", said.Split('\n'));
        Assert.Contains("counter seconds nf_worker_busy_seconds_total {'cpu': '1'} 2.0", said.Split('\n'));
    }

    [Fact]
    public async Task Scrape_OfASocket_HasItsNamesAndCounters()
    {
        await using RunningService service = await StartWithTrafficAsync();
        using HttpClient http = service.NewHttpClient();

        string[] lines = (await http.GetStringAsync("/metrics")).Split('\n');

        Assert.Contains("nf_xsk_socket_packets_total{direction=\"rx\",xsk_socket=\"a\"} 10", lines);
        Assert.Contains("nf_xsk_socket_bytes_total{direction=\"tx\",xsk_socket=\"a\"} 77", lines);
        Assert.Contains("nf_xsk_socket_drops_total{direction=\"rx\",reason=\"no_link\",xsk_socket=\"a\"} 2", lines);
        Assert.Contains("nf_xsk_socket_kernel_rx_ring_full_total{xsk_socket=\"a\"} 4", lines);
        Assert.Contains("nf_umem_frames{state=\"free\",umem=\"u\"} 5", lines);
        Assert.Contains("nf_worker_busy_seconds_total{cpu=\"1\"} 2", lines);
        Assert.Contains("nf_data_plane_up 1", lines);
        string info = Assert.Single(lines, line => line.StartsWith("nf_xsk_socket_info{", StringComparison.Ordinal));
        Assert.Contains("label_pod=\"p\\\"1\"", info);
        Assert.Contains("umem=\"u\"", info);
        Assert.Equal(lines.Length, lines.Where(l => l.Length > 0).Distinct().Count() + 1);
    }

    [Fact]
    public async Task Scrape_WithADataPlaneThatHangs_DoesNotWait()
    {
        await using RunningService service = await StartWithTrafficAsync();
        var hang = new TaskCompletionSource();
        service.DataPlane.OnCommand = _ =>
        {
            FakeDataPlane.Hold(hang.Task);
            return null;
        };
        Task<Umem> stuck = service.CreateUmemAsync("stuck");
        using HttpClient http = service.NewHttpClient();

        string text = await http.GetStringAsync("/metrics");

        Assert.Contains("nf_xsk_socket_packets_total{direction=\"rx\",xsk_socket=\"a\"} 10", text);
        Assert.False(stuck.IsCompleted);
        hang.SetResult();
        await stuck;
    }

    [Fact]
    public async Task Probes_WithoutDataPlane_AliveButNotReady()
    {
        await using RunningService service = await RunningService.StartAsync(new FakeDataPlane { Listens = false });
        using HttpClient http = service.NewHttpClient();

        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/healthz")).StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await http.GetAsync("/readyz")).StatusCode);
        Assert.Contains("nf_data_plane_up 0", await http.GetStringAsync("/metrics"));
    }

    // Meters are of the whole process, so each service must tell its own from the others'.
    [Fact]
    public async Task Scrape_OfTwoServicesInOneProcess_TellsEachItsOwn()
    {
        await using RunningService first = await RunningService.StartAsync(new FakeDataPlane { Listens = false });
        await using RunningService second = await RunningService.StartAsync();
        await using RunningService third = await RunningService.StartAsync(new FakeDataPlane { Listens = false });

        foreach ((RunningService service, int up) in new[] { (first, 0), (second, 1), (third, 0) })
        {
            using HttpClient http = service.NewHttpClient();
            string[] lines = (await http.GetStringAsync("/metrics")).Split('\n');
            Assert.Contains($"nf_data_plane_up {up}", lines);
            Assert.Equal(up == 1, lines.Any(l => l.StartsWith("nf_data_plane_generation", StringComparison.Ordinal)));
            Assert.Contains(lines, l => l.StartsWith("kestrel_active_connections{", StringComparison.Ordinal));
            Assert.Contains(lines, l => l.StartsWith("dotnet_assembly_current", StringComparison.Ordinal));
        }
    }

    private static async Task<RunningService> StartWithTrafficAsync()
    {
        RunningService service = await RunningService.StartAsync();
        await service.CreateUmemAsync();
        BindXskSocketRequest request = Requests.Socket("a");
        request.Labels["pod"] = "p\"1";
        await service.Sockets.BindXskSocketAsync(request);
        await service.BindAsync("b", queue: 1);
        await service.LinkAsync("l", "a", "b");
        await service.CreateVhostAsync("v");
        await service.CreateVhostAsync("w");
        await service.BridgeAsync("br", Requests.Device("v"), Requests.Device("w"));
        VhostSegment.Fill(service.DataPlane.Segment, slot: 2, pair: 0);
        FillSegment(service);
        return service;
    }

    private static void FillSegment(RunningService service)
    {
        ref var port = ref service.DataPlane.Segment.Port(0);
        (port.Traffic.RxPackets, port.Traffic.TxBytes) = (10, 77);
        port.Drops[0] = 2;
        port.Kernel.RxRingFull = 4;
        port.Identity.InUse = 1;
        ref var umem = ref service.DataPlane.Segment.Umem(0);
        (umem.Identity.ChunkCount, umem.Counters.Free) = (8, 5);
        umem.Identity.InUse = 1;
        ref var worker = ref service.DataPlane.Segment.Worker(0);
        (worker.Identity.Cpu, worker.Counters.BusyNs) = (1, 2_000_000_000);
        worker.Identity.InUse = 1;
    }

    private static Task<(int ExitCode, string Said)> PromtoolAsync(string text) =>
        CheckedByAsync("promtool", ["check", "metrics"], text);

    private static async Task<(int ExitCode, string Said)> CheckedByAsync(
        string program, string[] arguments, string text)
    {
        using Process checker = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> said = checker.StandardOutput.ReadToEndAsync();
        Task<string> complained = checker.StandardError.ReadToEndAsync();
        await checker.StandardInput.WriteAsync(text).InTimeAsync();
        checker.StandardInput.Close();
        await checker.WaitForExitAsync().InTimeAsync();
        return (checker.ExitCode, await said.InTimeAsync() + await complained.InTimeAsync());
    }
}
