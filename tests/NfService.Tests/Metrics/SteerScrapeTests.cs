using System.Diagnostics;
using Nf.SharedMemory.Segments;
using Nf.V1;

namespace Nf.Service.Tests;

/// <summary>The metrics and statistics of cpumaps and steerings.</summary>
public sealed class SteerScrapeTests
{
    [Fact]
    public async Task Scrape_OfACpumap_HasItsCountersFromTheSegment()
    {
        await using RunningService service = await StartAsync();

        string[] lines = await ScrapeAsync(service);

        const string Entry = "cpu=\"2\",cpumap=\"u\"";
        Assert.Contains($"nf_cpumap_enqueued_total{{{Entry}}} 80", lines);
        Assert.Contains($"nf_cpumap_enqueue_drops_total{{{Entry}}} 3", lines);
        Assert.Contains($"nf_cpumap_bulks_total{{{Entry}}} 10", lines);
        Assert.Contains($"nf_cpumap_processed_total{{{Entry}}} 70", lines);
        Assert.Contains($"nf_cpumap_alloc_drops_total{{{Entry}}} 1", lines);
        Assert.Contains($"nf_cpumap_sched_total{{{Entry}}} 5", lines);
        Assert.Contains($"nf_cpumap_program_total{{{Entry},verdict=\"pass\"}} 60", lines);
        Assert.Contains($"nf_cpumap_program_total{{{Entry},verdict=\"drop\"}} 8", lines);
        Assert.Contains($"nf_cpumap_program_total{{{Entry},verdict=\"redirect\"}} 2", lines);
        Assert.Contains($"nf_cpumap_queue_size{{{Entry}}} 192", lines);
        Assert.Contains($"nf_cpumap_queue_level{{{Entry}}} 7", lines);
        Assert.Contains($"nf_cpumap_threads{{{Entry}}} 1", lines);
        Assert.Contains($"nf_cpumap_entry_info{{{Entry},program=\"pass\"}} 1", lines);
        Assert.Contains("nf_cpumap_counters_available{cpumap=\"u\"} 1", lines);
        string info = Assert.Single(lines, l => l.StartsWith("nf_cpumap_info{", StringComparison.Ordinal));
        Assert.Contains("backend=\"userspace\"", info);
        Assert.Contains("label_pod=\"p\"", info);
    }

    [Fact]
    public async Task Scrape_OfASteering_HasItsRulesAndWhatMetNone()
    {
        await using RunningService service = await StartAsync();

        string[] lines = await ScrapeAsync(service);

        Assert.Contains("nf_steering_rule_packets_total{rule=\"web\",steering=\"s\"} 11", lines);
        Assert.Contains("nf_steering_rule_bytes_total{rule=\"web\",steering=\"s\"} 110", lines);
        Assert.Contains("nf_steering_rule_packets_total{rule=\"default\",steering=\"s\"} 22", lines);
        Assert.Contains("nf_steering_rule_packets_total{rule=\"management\",steering=\"s\"} 33", lines);
        Assert.Contains("nf_steering_up{steering=\"s\"} 1", lines);
        Assert.Contains("nf_steering_revision{steering=\"s\"} 1", lines);
        Assert.Contains(lines, l => l.StartsWith("nf_steering_info{", StringComparison.Ordinal)
            && l.Contains("interface=\"veth0\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task GetStats_OfBoth_AgreesWithTheSegment()
    {
        await using RunningService service = await StartAsync();

        Stats stats = (await service.Node.GetStatsAsync(new GetStatsRequest())).Stats;

        CpumapEntryStats entry = Assert.Single(stats.CpumapEntries);
        Assert.Equal(("u", 2u, "userspace"), (entry.Cpumap, entry.Cpu, entry.Backend));
        Assert.Equal((192u, 7u), (entry.QueueSize, entry.QueueLevel));
        CpumapEntryCounters counters = entry.Counters;
        Assert.Equal((80ul, 70ul, 60ul), (counters.Enqueued, counters.Processed, counters.ProgramPass));
        Assert.Equal(
            [("web", 11ul, 110ul), ("default", 22ul, 220ul), ("management", 33ul, 330ul)],
            stats.SteeringRules.Select(r => (r.Rule, r.Packets, r.Bytes)));
    }

    // The segment is newer than what was told of it: a slot may have gone to another CPU or rule.
    [Fact]
    public async Task GetStats_SlotsOfOthers_AreLeftOut()
    {
        await using RunningService service = await StartAsync();
        service.DataPlane.Segment.CpumapEntry(0).Identity.Cpu = 3;
        service.DataPlane.Segment.SteeringRule(0).Rule = 5;

        Stats stats = (await service.Node.GetStatsAsync(new GetStatsRequest())).Stats;

        Assert.Empty(stats.CpumapEntries);
        Assert.Equal(["default", "management"], stats.SteeringRules.Select(r => r.Rule));
    }

    [Fact]
    public async Task Scrape_RedirectErrors_AreAskedForWithoutACommand()
    {
        await using RunningService service = await StartAsync();
        service.DataPlane.Inventory.Change("u", status => status.RedirectErrors.Add(
            new RedirectError { Interface = "veth0", Error = "ENOSPC", Packets = 9 }));

        const string Wanted = "nf_cpumap_redirect_errors_total{cpumap=\"u\",error=\"ENOSPC\",interface=\"veth0\"} 9";
        long start = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!(await ScrapeAsync(service)).Contains(Wanted))
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Deadline.Patience, "no scrape ever had it");
            await timer.WaitForNextTickAsync();
        }
    }

    private static async Task<RunningService> StartAsync()
    {
        RunningService service = await RunningService.StartAsync();
        CreateCpumapRequest request = Requests.Cpumap("u", s => s.Backend = CpumapBackend.Userspace);
        request.Labels["pod"] = "p";
        await service.Cpumaps.CreateCpumapAsync(request);
        await service.SetEntryAsync("u", 2, r => r.Entry.Program = new() { Builtin = BuiltinCpumapProgram.Pass });
        await service.SteerAsync(
            "s", new SteeringRule { Name = "web", Action = new SteeringAction { Xsk = new ToXsk() } });
        Fill(service.DataPlane.Segment);
        return service;
    }

    private static void Fill(SegmentWriter segment)
    {
        ref CpumapEntrySlot entry = ref segment.CpumapEntry(0);
        entry.Identity = new CpumapEntryIdentity
        {
            InUse = 1,
            Cpu = 2,
            Backend = (uint)CpumapBackend.Userspace,
            QueueSize = 192,
            QueueLevel = 7,
            Threads = 1,
        };
        entry.In = new CpumapEntryIn { Enqueued = 80, EnqueueDrops = 3, Bulks = 10 };
        entry.Out = new CpumapEntryOut
        {
            Processed = 70,
            AllocDrops = 1,
            Sched = 5,
            ProgramPass = 60,
            ProgramDrop = 8,
            ProgramRedirect = 2,
        };
        segment.SteeringRule(0) = new SteeringRuleSlot { InUse = 1, Rule = 0, Packets = 11, Bytes = 110 };
        segment.SteeringRule(1) = new SteeringRuleSlot
        {
            InUse = 1,
            Rule = SteeringRuleSlot.DefaultRule,
            Packets = 22,
            Bytes = 220,
        };
        segment.SteeringRule(2) = new SteeringRuleSlot
        {
            InUse = 1,
            Rule = SteeringRuleSlot.ManagementRule,
            Packets = 33,
            Bytes = 330,
        };
    }

    private static async Task<string[]> ScrapeAsync(RunningService service)
    {
        using HttpClient http = service.NewHttpClient();
        return (await http.GetStringAsync("/metrics")).Split('\n');
    }
}
