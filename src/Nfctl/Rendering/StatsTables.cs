using Nf.V1;

namespace Nf.Ctl.Rendering;

/// <summary>Tables of counters as they are, exact.</summary>
internal static class StatsTables
{
    internal static IReadOnlyList<Grid> One(Stats stats)
    {
        List<Grid> tables = [Ports(stats.Ports), Links(stats.Links), Umems(stats.Umems), Workers(stats.Workers)];

        // Of interest to those who have them.
        if (stats.Ports.Any(p => p.Vhost is not null))
        {
            tables.Insert(1, Vhost(stats.Ports.Where(p => p.Vhost is not null)));
        }

        if (stats.Bridges.Count > 0)
        {
            tables.Insert(tables.Count - 2, Bridges(stats.Bridges));
        }

        if (stats.SteeringRules.Count > 0)
        {
            tables.Insert(tables.Count - 2, SteerStatsTables.Rules(stats.SteeringRules));
        }

        if (stats.CpumapEntries.Count > 0)
        {
            tables.Insert(tables.Count - 2, SteerStatsTables.Cpumaps(stats.CpumapEntries));
        }

        return tables;
    }

    private static Grid Ports(IEnumerable<PortStats> ports)
    {
        var grid = new Grid(
            "PORT", "INTERFACE", ">QUEUE", "MODE", "STATE", ">RX PACKETS", ">RX BYTES",
            ">TX PACKETS", ">TX BYTES", "DROPS")
        { Title = "Ports", WhenEmpty = "none" };
        foreach (PortStats port in ports)
        {
            IEnumerable<string> drops = port.Drops.Where(d => d.Packets > 0).Select(d => $"{d.Reason} {d.Packets}");
            grid.Add(
                PortNames.Of(port), port.Interface, $"{port.Queue}", PortNames.ModeOf(port), port.State,
                $"{port.RxPackets}", $"{port.RxBytes}", $"{port.TxPackets}", $"{port.TxBytes}",
                string.Join(", ", drops));
        }

        return grid;
    }

    private static Grid Vhost(IEnumerable<PortStats> ports)
    {
        var grid = new Grid(
            "PORT", ">PAIR", ">KICKS", ">CALLS", ">SUPPRESSED", ">BAD CHAINS", ">RING FAULTS", ">TO GUEST",
            ">FROM GUEST")
        { Title = "vhost-user: notifications, faults, and buffers waiting in the rings" };
        foreach (PortStats port in ports)
        {
            VhostPortStats vhost = port.Vhost;
            grid.Add(
                PortNames.Of(port), $"{port.Queue}", $"{vhost.KicksReceived}", $"{vhost.CallsSent}",
                $"{vhost.CallsSuppressed}", Fault(vhost.BadChains), Fault(vhost.RingFaults),
                $"{vhost.ToGuestPending}", $"{vhost.FromGuestPending}");
        }

        return grid;
    }

    private static Grid Bridges(IEnumerable<BridgeStats> bridges)
    {
        var grid = new Grid("BRIDGE", ">ENTRIES", ">LEARNED", ">MOVED", ">AGED", ">FLOODED", ">DROPPED", ">TABLE FULL")
        { Title = "Bridges" };
        foreach (BridgeStats bridge in bridges)
        {
            grid.Add(
                bridge.Bridge, $"{bridge.Entries}", $"{bridge.Learned}", $"{bridge.Moved}", $"{bridge.Aged}",
                $"{bridge.FloodedPackets}", Fault(bridge.DroppedPackets), Fault(bridge.TableFullPackets));
        }

        return grid;
    }

    private static Cell Fault(ulong count) => new($"{count}", count == 0 ? Tone.Plain : Tone.Warning);

    private static Grid Links(IEnumerable<LinkStats> links)
    {
        var grid = new Grid(
            "LINK", ">A>B PACKETS", ">A>B BYTES", ">B>A PACKETS",
            ">B>A BYTES")
        { Title = "Links", WhenEmpty = "none" };
        foreach (LinkStats link in links)
        {
            grid.Add(
                link.Link, $"{link.AToBPackets}", $"{link.AToBBytes}", $"{link.BToAPackets}", $"{link.BToABytes}");
        }

        return grid;
    }

    private static Grid Umems(IEnumerable<UmemStats> umems)
    {
        var grid = new Grid(
            "UMEM", ">CHUNKS", ">FREE", ">FILL", ">TX",
            ">WILD COMPLETIONS")
        { Title = "UMEMs", WhenEmpty = "none" };
        foreach (UmemStats umem in umems)
        {
            grid.Add(
                umem.Umem, $"{umem.Chunks}", $"{umem.Free}", $"{umem.Fill}", $"{umem.Tx}", $"{umem.WildCompletions}");
        }

        return grid;
    }

    private static Grid Workers(IEnumerable<WorkerStats> workers)
    {
        var grid = new Grid(
            ">CPU", ">BUSY", ">PACKETS", ">POLLS", ">SLEEPS")
        { Title = "Workers", WhenEmpty = "none" };
        foreach (WorkerStats worker in workers)
        {
            double? busy = worker.TotalNs == 0 ? null : (double)worker.BusyNs / worker.TotalNs;
            grid.Add(
                $"{worker.Cpu}", Quantity.Percent(busy), $"{worker.Packets}", $"{worker.Polls}", $"{worker.Sleeps}");
        }

        return grid;
    }
}
