using Nf.Ctl.Parsing;
using Nf.V1;

namespace Nf.Ctl.Rendering;

/// <summary>Tables of AF_XDP sockets.</summary>
internal static class XskTables
{
    internal static IReadOnlyList<Grid> List(IEnumerable<XskSocket> sockets)
    {
        var grid = new Grid(
            "NAME", "STATE", "INTERFACE", "NETNS", ">QUEUE", "MODE", "XDP", "UMEM", "LINK", ">CPU")
        { WhenEmpty = "no sockets" };
        foreach (XskSocket socket in sockets)
        {
            XskSocketSpec spec = socket.Spec ?? new XskSocketSpec();
            XskSocketStatus status = socket.Status ?? new XskSocketStatus();
            bool isObserved = socket.Status is not null;
            grid.Add(
                socket.Name,
                isObserved ? Names.Of(status.State) : Names.Unobserved,
                InterfaceOf(spec, status),
                Namespaces.Format(spec.NetworkNamespace),
                $"{spec.Queue}",
                isObserved ? Names.Of(status.Mode) : Names.Unobserved,
                isObserved ? Names.Of(status.XdpMode) : Names.Unobserved,
                spec.Umem,
                status.Bridge.Length > 0 ? status.Bridge : status.Link,
                isObserved ? $"{status.WorkerCpu}" : Names.Unobserved);
        }

        return [grid];
    }

    /// <param name="socket">What is shown.</param>
    /// <param name="withoutStatus">Its state when it has no status: what was only checked, by default.</param>
    internal static IReadOnlyList<Grid> One(XskSocket socket, string withoutStatus = "valid, not bound")
    {
        XskSocketSpec spec = socket.Spec ?? new XskSocketSpec();
        XskSocketStatus status = socket.Status ?? new XskSocketStatus();
        string device = status.Ifindex == 0 ? "" : $"index {status.Ifindex}, driver {Known(status.Driver)}";
        Grid fields = Grid.Fields()
            .Add("Name", socket.Name)
            .Add("UMEM", spec.Umem)
            .Add("Interface", Reason.Append(InterfaceOf(spec, status), device))
            .Add("Network namespace", Namespaces.Format(spec.NetworkNamespace))
            .Add("Queue", $"{spec.Queue}");
        Labels.AddTo(fields, socket.Labels);
        if (spec.BusyPoll is { } poll)
        {
            fields.Add("Busy poll", $"{poll.TimeoutUs} us, budget {(poll.Budget == 0 ? 64 : poll.Budget)}");
        }

        if (socket.Status is null)
        {
            string modes = $"mode {Names.Of(spec.Mode)}, XDP mode {Names.Of(spec.XdpMode)}";
            fields.Add("Asked for", $"{modes}, {Rings(spec.Rings)}");
            fields.Add("State", new Cell(withoutStatus, Tone.Dim));
            return [fields];
        }

        AddGranted(fields, status);
        return status.Statistics is { } statistics ? [fields, Draw(statistics)] : [fields];
    }

    private static void AddGranted(Grid fields, XskSocketStatus status)
    {
        Cell state = Names.Of(status.State);
        string program = status.XdpProgramId == 0
            ? "-"
            : $"id {status.XdpProgramId}, attached by {Known(status.XdpAttachment)}";
        fields
            .Add("State", new Cell(Reason.Append(state.Text, status.StateReason), state.Tone))
            .Add("Mode", Reason.Append(Names.Of(status.Mode), status.ModeReason))
            .Add("XDP mode", Reason.Append(Names.Of(status.XdpMode), status.XdpModeReason))
            .Add("XDP program", program)
            .Add("Rings", Rings(status.Rings))
            .Add("Need-wakeup", Names.YesNo(status.NeedWakeup))
            .Add("Scatter-gather", Names.YesNo(status.ScatterGather))
            .Add("Shared UMEM", Names.YesNo(status.SharedUmem))
            .Add("Largest frame", $"{status.FrameBytesMax} B")
            .Add("TX budget", status.TxBudget == 0 ? "kernel default" : $"{status.TxBudget}")
            .Add(status.Bridge.Length > 0 ? "Bridge" : "Link", status.Bridge.Length > 0 ? status.Bridge : status.Link)
            .Add("Worker CPU", $"{status.WorkerCpu}");
    }

    private static Grid Draw(XdpStatistics statistics)
    {
        var grid = new Grid(
            ">RX DROPPED", ">RX INVALID", ">RX RING FULL",
            ">FILL EMPTY", ">TX INVALID", ">TX EMPTY")
        { Title = "Kernel counters (XDP_STATISTICS)" };
        return grid.Add(
            $"{statistics.RxDropped}", $"{statistics.RxInvalidDescs}", $"{statistics.RxRingFull}",
            $"{statistics.RxFillRingEmptyDescs}", $"{statistics.TxInvalidDescs}", $"{statistics.TxRingEmptyDescs}");
    }

    private static string InterfaceOf(XskSocketSpec spec, XskSocketStatus status)
    {
        return status.Interface.Length > 0 ? status.Interface
            : spec.DeviceCase == XskSocketSpec.DeviceOneofCase.Ifindex ? $"#{spec.Ifindex}"
            : spec.Interface;
    }

    private static string Rings(RingSizes? rings)
    {
        return rings is null
            ? "rings default"
            : $"rx {rings.Rx}, tx {rings.Tx}, fill {rings.Fill}, completion {rings.Completion}";
    }

    private static string Known(string text) => text.Length == 0 ? "unknown" : text;
}
