using Nf.V1;

namespace Nf.Ctl.Rendering;

/// <summary>Tables of the node.</summary>
internal static class NodeTables
{
    internal static IReadOnlyList<Grid> One(Node node)
    {
        Grid fields = Grid.Fields()
            .Add("Host", node.Hostname)
            .Add("Kernel", $"{node.KernelRelease} {node.Architecture}".Trim())
            .Add("nf-service", node.Version);
        AddDataPlane(fields, node.DataPlane);
        return [fields, Features(node.Features), Interfaces(node.Interfaces)];
    }

    private static void AddDataPlane(Grid fields, DataPlane? plane)
    {
        if (plane is not { Connected: true })
        {
            fields.Add("Data plane", new Cell("not connected", Tone.Bad));
            return;
        }

        string life = plane.Adopted ? "adopted what the last one left" : "started from nothing";
        fields
            .Add("Data plane", new Cell($"connected, version {plane.Version}, pid {plane.Pid}", Tone.Good))
            .Add("Generation", $"{plane.Generation}, {life}")
            .Add("Worker CPUs", string.Join(',', plane.WorkerCpus));
        if (plane.Started is { } started)
        {
            fields.Add("Started", started.ToDateTime().ToString("yyyy-MM-dd HH:mm:ss'Z'"));
        }

        if (plane.HeartbeatAge is { } age)
        {
            fields.Add("Last heartbeat", $"{Quantity.Age(age.ToTimeSpan())} ago");
        }
    }

    private static Grid Features(IEnumerable<Feature> features)
    {
        var grid = new Grid("FEATURE", "PRESENT", "DETAIL") { Title = "Features", WhenEmpty = "none reported" };
        foreach (Feature feature in features)
        {
            Tone tone = feature.Present ? Tone.Good : Tone.Warning;
            grid.Add(feature.Name, new Cell(Names.YesNo(feature.Present), tone), feature.Detail);
        }

        return grid;
    }

    private static Grid Interfaces(IEnumerable<NetworkInterface> interfaces)
    {
        var grid = new Grid(
            ">INDEX", "NAME", "DRIVER", "STATE", ">MTU", ">RXQ", ">TXQ",
            "NUMA", "XDP FEATURES", ">PROGRAM", "XSK QUEUES")
        { Title = "Interfaces", WhenEmpty = "none" };
        foreach (NetworkInterface device in interfaces)
        {
            grid.Add(
                $"{device.Ifindex}",
                device.Name,
                device.Driver,
                device.Up ? new Cell("up", Tone.Good) : new Cell("down", Tone.Warning),
                $"{device.MtuBytes}",
                $"{device.RxQueues}",
                $"{device.TxQueues}",
                device.HasNumaNode ? $"{device.NumaNode}" : "",
                string.Join(',', device.XdpFeatures),
                device.XdpProgramId == 0 ? "" : $"{device.XdpProgramId}",
                string.Join(',', device.XskQueues));
        }

        return grid;
    }
}
