using Nf.Ctl.Parsing;
using Nf.V1;

namespace Nf.Ctl.Rendering;

/// <summary>Tables of bridges.</summary>
internal static class BridgeTables
{
    internal static IReadOnlyList<Grid> List(IEnumerable<Bridge> bridges)
    {
        var grid = new Grid("NAME", "STATE", ">ENTRIES", ">FLOODED", "ENDPOINTS") { WhenEmpty = "no bridges" };
        foreach (Bridge bridge in bridges)
        {
            BridgeStatus? status = bridge.Status;
            grid.Add(
                bridge.Name,
                status is null ? Names.Unobserved : Names.Of(status.State),
                status is null ? Names.Unobserved : $"{status.Entries}",
                status is null ? Names.Unobserved : $"{status.FloodedPackets}",
                string.Join("  ", bridge.Spec?.Endpoints.Select(Endpoints.Format) ?? []));
        }

        return [grid];
    }

    /// <param name="bridge">What is shown.</param>
    /// <param name="withoutStatus">Its state when it has no status: what was only checked, by default.</param>
    internal static IReadOnlyList<Grid> One(Bridge bridge, string withoutStatus = "valid, not created")
    {
        BridgeSpec spec = bridge.Spec ?? new BridgeSpec();
        Grid fields = Grid.Fields()
            .Add("Name", bridge.Name)
            .Add("Forgets after", Quantity.Age(TimeSpan.FromSeconds(spec.AgeSeconds)))
            .Add("Entries at most", $"{spec.EntriesMax}, on one endpoint {spec.EndpointEntriesMax}");
        Labels.AddTo(fields, bridge.Labels);
        if (bridge.Status is not { } status)
        {
            fields
                .Add("Endpoints", string.Join("  ", spec.Endpoints.Select(Endpoints.Format)))
                .Add("State", new Cell(withoutStatus, Tone.Dim));
            return [fields];
        }

        Cell state = Names.Of(status.State);
        fields
            .Add("State", new Cell(Reason.Append(state.Text, status.StateReason), state.Tone))
            .Add("Entries", $"{status.Entries}")
            .Add("Learned", $"{status.Learned}, moved {status.Moved}, aged {status.Aged}")
            .Add("Flooded", $"{status.FloodedPackets} packets");
        if (status.TableFullPackets > 0)
        {
            fields.Add("Not learned", new Cell($"{status.TableFullPackets} packets: the table is full", Tone.Warning));
        }

        return [fields, Ports(spec, status)];
    }

    /// <summary>What a bridge has learned.</summary>
    internal static IReadOnlyList<Grid> Entries(IEnumerable<BridgeEntry> entries, Bridge bridge)
    {
        var grid = new Grid("MAC", ">PORT", "ENDPOINT", ">HEARD") { WhenEmpty = "no addresses learned" };
        foreach (BridgeEntry entry in entries)
        {
            string heard = entry.Age is { } age ? $"{Quantity.Age(age.ToTimeSpan())} ago" : "";
            grid.Add(entry.Mac, $"{entry.Port}", EndpointOf(bridge.Spec, entry.Port), heard);
        }

        return [grid];
    }

    private static Grid Ports(BridgeSpec spec, BridgeStatus status)
    {
        var grid = new Grid(
            ">PORT", "ENDPOINT", "STATE", ">ENTRIES", ">RX PACKETS", ">RX BYTES", ">TX PACKETS", ">TX BYTES",
            ">FLOODED", ">DROPPED")
        { Title = "Ports", WhenEmpty = "none" };
        foreach (BridgePort port in status.Ports)
        {
            grid.Add(
                $"{port.Number}",
                EndpointOf(spec, port.Number),
                port.Up ? new Cell("up", Tone.Good) : new Cell("down", Tone.Bad),
                $"{port.Entries}", $"{port.RxPackets}", $"{port.RxBytes}", $"{port.TxPackets}", $"{port.TxBytes}",
                $"{port.FloodedPackets}",
                new Cell($"{port.DroppedPackets}", port.DroppedPackets == 0 ? Tone.Plain : Tone.Warning));
        }

        return grid;
    }

    private static string EndpointOf(BridgeSpec? spec, uint number) =>
        spec is not null && number < spec.Endpoints.Count ? Endpoints.Format(spec.Endpoints[(int)number]) : "";
}
