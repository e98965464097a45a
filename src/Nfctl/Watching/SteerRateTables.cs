using System.Globalization;
using Nf.Ctl.Rendering;

namespace Nf.Ctl.Watching;

/// <summary>What <c>nfctl watch</c> shows of cpumaps and steerings, where there are some.</summary>
internal static class SteerRateTables
{
    internal static IEnumerable<Grid> Draw(Rates rates)
    {
        if (rates.Rules.Count > 0)
        {
            yield return Rules(rates.Rules);
        }

        if (rates.Entries.Count > 0)
        {
            yield return Entries(rates.Entries);
        }
    }

    private static Grid Rules(IEnumerable<SteeringRuleRates> rules)
    {
        var grid = new Grid("STEERING", "RULE", ">pps", ">Gbit/s");
        foreach (SteeringRuleRates rate in rules)
        {
            grid.Add(
                rate.Rule.Steering, rate.Rule.Rule, Quantity.Rate(rate.Matched.Packets),
                Quantity.Gigabits(rate.Matched.Bytes));
        }

        return grid;
    }

    private static Grid Entries(IEnumerable<CpumapEntryRates> entries)
    {
        var grid = new Grid("CPUMAP", ">CPU", ">IN pps", ">BULK", ">OUT pps", ">DROPS/s", ">LEVEL", ">THREADS");
        foreach (CpumapEntryRates rate in entries)
        {
            string bulk = rate.Bulk is { } size ? size.ToString("0.0", CultureInfo.InvariantCulture) : Quantity.Unknown;
            string level = rate.Entry.Backend == "userspace"
                ? $"{rate.Entry.QueueLevel}/{rate.Entry.QueueSize}"
                : $"?/{rate.Entry.QueueSize}";
            grid.Add(
                rate.Entry.Cpumap, $"{rate.Entry.Cpu}", Quantity.Rate(rate.Enqueued), bulk,
                Quantity.Rate(rate.Processed),
                new Cell(Quantity.Rate(rate.Dropped), rate.Dropped is > 0 ? Tone.Warning : Tone.Plain),
                level, $"{rate.Entry.Threads}");
        }

        return grid;
    }
}
