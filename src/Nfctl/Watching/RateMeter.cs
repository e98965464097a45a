using Nf.V1;

namespace Nf.Ctl.Watching;

/// <summary>
/// Turns two readings of the counters into rates. A counter that went backwards was started anew (the socket was bound
/// again, or the data plane came back without adopting): its rate is unknown for that interval, never negative and
/// never a guess.
/// </summary>
internal static class RateMeter
{
    internal static Rates Between(Stats before, Stats after)
    {
        double seconds = (TimeOf(after) - TimeOf(before)).TotalSeconds;
        Dictionary<(string, string, uint), PortStats> ports = Index(before.Ports, KeyOf);
        Dictionary<string, LinkStats> links = Index(before.Links, l => l.Link);
        Dictionary<uint, WorkerStats> workers = Index(before.Workers, w => w.Cpu);
        return new Rates(
            TimeOf(after),
            after.Generation,
            after.Generation != before.Generation,
            [.. after.Ports.Select(p => Of(ports.GetValueOrDefault(KeyOf(p)), p, seconds))],
            [.. after.Links.Select(l => Of(links.GetValueOrDefault(l.Link), l, seconds))],
            [.. after.Workers.Select(w => Of(workers.GetValueOrDefault(w.Cpu), w, seconds))],
            SteerRates.OfEntries(before, after, seconds),
            SteerRates.OfRules(before, after, seconds));
    }

    internal static DateTimeOffset TimeOf(Stats stats) => stats.Time?.ToDateTimeOffset() ?? DateTimeOffset.UnixEpoch;

    // The queue tells the pairs of a device apart; a socket's is always the same.
    private static (string Socket, string Device, uint Queue) KeyOf(PortStats port) =>
        (port.XskSocket, port.VhostDevice, port.Queue);

    private static PortRates Of(PortStats? before, PortStats after, double seconds)
    {
        Dictionary<string, ulong> drops = [];
        foreach (DropCount drop in before?.Drops ?? [])
        {
            drops[drop.Reason] = drop.Packets;
        }

        bool comparable = before is not null
            && before.RxPackets <= after.RxPackets
            && before.RxBytes <= after.RxBytes
            && before.TxPackets <= after.TxPackets
            && before.TxBytes <= after.TxBytes
            && after.Drops.All(d => drops.GetValueOrDefault(d.Reason) <= d.Packets)
            && seconds > 0;
        if (!comparable)
        {
            return new PortRates(after, default, default, []);
        }

        return new PortRates(
            after,
            FlowOf(after.RxPackets - before!.RxPackets, after.RxBytes - before.RxBytes, seconds),
            FlowOf(after.TxPackets - before.TxPackets, after.TxBytes - before.TxBytes, seconds),
            [.. after.Drops
                .Select(d => new DropRate(d.Reason, (d.Packets - drops.GetValueOrDefault(d.Reason)) / seconds))
                .Where(d => d.Packets > 0)
                .OrderByDescending(d => d.Packets)]);
    }

    private static LinkRates Of(LinkStats? before, LinkStats after, double seconds)
    {
        bool comparable = before is not null
            && before.AToBPackets <= after.AToBPackets
            && before.AToBBytes <= after.AToBBytes
            && before.BToAPackets <= after.BToAPackets
            && before.BToABytes <= after.BToABytes
            && seconds > 0;
        return comparable
            ? new LinkRates(
                after.Link,
                FlowOf(after.AToBPackets - before!.AToBPackets, after.AToBBytes - before.AToBBytes, seconds),
                FlowOf(after.BToAPackets - before.BToAPackets, after.BToABytes - before.BToABytes, seconds))
            : new LinkRates(after.Link, default, default);
    }

    private static WorkerRates Of(WorkerStats? before, WorkerStats after, double seconds)
    {
        // A worker's own clock, not ours: a worker that was not scheduled must not look idle.
        bool comparable = before is not null
            && before.BusyNs <= after.BusyNs
            && before.TotalNs < after.TotalNs
            && before.Packets <= after.Packets
            && seconds > 0;
        return comparable
            ? new WorkerRates(
                after.Cpu,
                Math.Min(1, (double)(after.BusyNs - before!.BusyNs) / (after.TotalNs - before.TotalNs)),
                (after.Packets - before.Packets) / seconds)
            : new WorkerRates(after.Cpu, null, null);
    }

    private static Flow FlowOf(ulong packets, ulong bytes, double seconds) => new(packets / seconds, bytes / seconds);

    private static Dictionary<TKey, T> Index<TKey, T>(IEnumerable<T> items, Func<T, TKey> key)
        where TKey : notnull
    {
        Dictionary<TKey, T> index = [];
        foreach (T item in items)
        {
            index[key(item)] = item;
        }

        return index;
    }
}
