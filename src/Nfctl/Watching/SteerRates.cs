using Nf.V1;

namespace Nf.Ctl.Watching;

/// <summary>Rates of one entry of a cpumap; null where no honest figure can be given.</summary>
/// <param name="Entry">The entry.</param>
/// <param name="Enqueued">Frames per second that were to be queued.</param>
/// <param name="Dropped">Of those, dropped for want of room or memory.</param>
/// <param name="Bulk">Frames queued at a time.</param>
/// <param name="Processed">Frames per second taken from the queue.</param>
internal sealed record CpumapEntryRates(
    CpumapEntryStats Entry, double? Enqueued, double? Dropped, double? Bulk, double? Processed);

/// <summary>Rates of one rule of a steering.</summary>
internal sealed record SteeringRuleRates(SteeringRuleStats Rule, Flow Matched);

/// <summary>Rates of cpumaps and steerings, as <see cref="RateMeter"/> makes those of ports.</summary>
internal static class SteerRates
{
    internal static IReadOnlyList<CpumapEntryRates> OfEntries(Stats before, Stats after, double seconds)
    {
        var earlier = before.CpumapEntries.GroupBy(KeyOf).ToDictionary(same => same.Key, same => same.Last());
        return [.. after.CpumapEntries.Select(entry => Of(earlier.GetValueOrDefault(KeyOf(entry)), entry, seconds))];
    }

    internal static IReadOnlyList<SteeringRuleRates> OfRules(Stats before, Stats after, double seconds)
    {
        var earlier = before.SteeringRules.GroupBy(KeyOf).ToDictionary(same => same.Key, same => same.Last());
        return [.. after.SteeringRules.Select(rule => Of(earlier.GetValueOrDefault(KeyOf(rule)), rule, seconds))];
    }

    private static (string, uint) KeyOf(CpumapEntryStats entry) => (entry.Cpumap, entry.Cpu);

    private static (string, string) KeyOf(SteeringRuleStats rule) => (rule.Steering, rule.Rule);

    private static CpumapEntryRates Of(CpumapEntryStats? before, CpumapEntryStats after, double seconds)
    {
        CpumapEntryCounters? old = before?.Counters;
        CpumapEntryCounters now = after.Counters ?? new CpumapEntryCounters();
        bool comparable = old is not null
            && old.Enqueued <= now.Enqueued
            && old.EnqueueDrops <= now.EnqueueDrops
            && old.Bulks <= now.Bulks
            && old.Processed <= now.Processed
            && old.AllocDrops <= now.AllocDrops
            && seconds > 0;
        if (!comparable)
        {
            return new CpumapEntryRates(after, null, null, null, null);
        }

        ulong enqueued = now.Enqueued - old!.Enqueued;
        ulong bulks = now.Bulks - old.Bulks;
        ulong dropped = now.EnqueueDrops - old.EnqueueDrops + (now.AllocDrops - old.AllocDrops);
        return new CpumapEntryRates(
            after, enqueued / seconds, dropped / seconds, bulks == 0 ? null : (double)enqueued / bulks,
            (now.Processed - old.Processed) / seconds);
    }

    private static SteeringRuleRates Of(SteeringRuleStats? before, SteeringRuleStats after, double seconds)
    {
        bool comparable = before is not null
            && before.Packets <= after.Packets
            && before.Bytes <= after.Bytes
            && seconds > 0;
        return new SteeringRuleRates(
            after,
            comparable
                ? new Flow((after.Packets - before!.Packets) / seconds, (after.Bytes - before.Bytes) / seconds)
                : default);
    }
}
