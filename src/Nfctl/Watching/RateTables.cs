using Nf.Ctl.Rendering;

namespace Nf.Ctl.Watching;

/// <summary>The screen of <c>nfctl watch</c>.</summary>
internal static class RateTables
{
    /// <summary>The last known rates and, when something is wrong, what.</summary>
    /// <param name="rates">Null before the first interval has passed.</param>
    /// <param name="notice">What is wrong; empty when nothing is.</param>
    internal static IReadOnlyList<Grid> Draw(Rates? rates, string notice)
    {
        Grid head = Grid.Fields();
        if (rates is not null)
        {
            string life = rates.Restarted ? " (the data plane restarted)" : "";
            head.Add(rates.Time.ToString("HH:mm:ss'Z'"), new Cell($"generation {rates.Generation}{life}",
                rates.Restarted ? Tone.Warning : Tone.Dim));
        }

        if (notice.Length > 0)
        {
            head.Add(new Cell("!", Tone.Bad), new Cell(notice, Tone.Bad));
        }

        return rates is null
            ? [head]
            : [head, Ports(rates), Links(rates), .. SteerRateTables.Draw(rates), Workers(rates)];
    }

    private static Grid Ports(Rates rates)
    {
        var grid = new Grid(
            "PORT", "INTERFACE", ">QUEUE", "MODE", "STATE", ">IN pps", ">OUT pps",
            ">IN Gbit/s", ">OUT Gbit/s", "DROPS/s")
        { WhenEmpty = "no ports" };
        foreach (PortRates rate in rates.Ports)
        {
            grid.Add(
                PortNames.Of(rate.Port),
                rate.Port.Interface,
                $"{rate.Port.Queue}",
                PortNames.ModeOf(rate.Port),
                StateOf(rate.Port.State),
                Quantity.Rate(rate.In.Packets),
                Quantity.Rate(rate.Out.Packets),
                Quantity.Gigabits(rate.In.Bytes),
                Quantity.Gigabits(rate.Out.Bytes),
                DropsOf(rate));
        }

        return grid;
    }

    private static Grid Links(Rates rates)
    {
        var grid = new Grid(
            "LINK", ">A>B pps", ">A>B Gbit/s", ">B>A pps", ">B>A Gbit/s")
        { WhenEmpty = "no links" };
        foreach (LinkRates rate in rates.Links)
        {
            grid.Add(
                rate.Link,
                Quantity.Rate(rate.AToB.Packets),
                Quantity.Gigabits(rate.AToB.Bytes),
                Quantity.Rate(rate.BToA.Packets),
                Quantity.Gigabits(rate.BToA.Bytes));
        }

        return grid;
    }

    private static Grid Workers(Rates rates)
    {
        var grid = new Grid("WORKER", ">BUSY", ">pps") { WhenEmpty = "no workers" };
        foreach (WorkerRates rate in rates.Workers)
        {
            grid.Add($"cpu {rate.Cpu}", Quantity.Percent(rate.Busy), Quantity.Rate(rate.Packets));
        }

        return grid;
    }

    private static Cell DropsOf(PortRates rate)
    {
        if (rate.In.Packets is null)
        {
            return Quantity.Unknown;
        }

        IEnumerable<string> drops = rate.Drops.Select(d => $"{d.Reason} {Quantity.Rate(d.Packets)}");
        return rate.Drops.Count == 0 ? new Cell("0", Tone.Dim) : new Cell(string.Join(", ", drops), Tone.Warning);
    }

    private static Cell StateOf(string state)
    {
        return new Cell(state, state.ToLowerInvariant() switch
        {
            "bound" or "started" => Tone.Good,
            "" => Tone.Dim,
            "device_lost" or "device-lost" or "broken" or "failed" => Tone.Bad,
            _ => Tone.Warning,
        });
    }
}
