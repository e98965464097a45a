using Nf.V1;

namespace Nf.Ctl.Rendering;

/// <summary>Tables of the counters of cpumaps and steerings, exact.</summary>
internal static class SteerStatsTables
{
    internal static Grid Cpumaps(IEnumerable<CpumapEntryStats> entries)
    {
        var grid = new Grid(
            "CPUMAP", ">CPU", ">QUEUE", ">LEVEL", ">ENQUEUED", ">DROPS", ">BULK", ">PROCESSED", ">ALLOC DROPS",
            ">SCHED", ">PASS", ">DROP", ">REDIRECT")
        { Title = "Cpumaps" };
        foreach (CpumapEntryStats entry in entries)
        {
            CpumapEntryCounters counters = entry.Counters ?? new CpumapEntryCounters();
            grid.Add(
                entry.Cpumap, $"{entry.Cpu}", $"{entry.QueueSize}",
                entry.Backend == "userspace" ? $"{entry.QueueLevel}" : "",
                $"{counters.Enqueued}", Fault(counters.EnqueueDrops),
                CpumapTables.Bulk(counters.Enqueued, counters.Bulks),
                $"{counters.Processed}", Fault(counters.AllocDrops), $"{counters.Sched}",
                $"{counters.ProgramPass}", $"{counters.ProgramDrop}", $"{counters.ProgramRedirect}");
        }

        return grid;
    }

    internal static Grid Rules(IEnumerable<SteeringRuleStats> rules)
    {
        var grid = new Grid("STEERING", "RULE", ">PACKETS", ">BYTES") { Title = "Steering rules" };
        foreach (SteeringRuleStats rule in rules)
        {
            grid.Add(rule.Steering, rule.Rule, $"{rule.Packets}", $"{rule.Bytes}");
        }

        return grid;
    }

    private static Cell Fault(ulong count) => new($"{count}", count == 0 ? Tone.Plain : Tone.Warning);
}
