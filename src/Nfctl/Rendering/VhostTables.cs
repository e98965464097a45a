using Nf.Ctl.Parsing;
using Nf.V1;

namespace Nf.Ctl.Rendering;

/// <summary>Tables of vhost-user devices; what is found of their guests is in <see cref="VhostGuestTables"/>.</summary>
internal static class VhostTables
{
    private static readonly string[] NamePrefixes =
        ["VIRTIO_NET_F_", "VIRTIO_RING_F_", "VIRTIO_F_", "VHOST_USER_PROTOCOL_F_", "VHOST_USER_F_", "VHOST_F_"];

    internal static IReadOnlyList<Grid> List(IEnumerable<VhostDevice> devices)
    {
        var grid = new Grid(
            "NAME", "STATE", "SOCKET", "ROLE", ">PAIRS", "RINGS", "FRONT-END", "USED BY", ">CPU")
        { WhenEmpty = "no vhost-user devices" };
        foreach (VhostDevice device in devices)
        {
            VhostDeviceSpec spec = device.Spec ?? new VhostDeviceSpec();
            VhostDeviceStatus status = device.Status ?? new VhostDeviceStatus();
            bool isObserved = device.Status is not null;
            grid.Add(
                device.Name,
                isObserved ? Names.Of(status.State) : Names.Unobserved,
                spec.SocketPath,
                Names.Of(spec.Role),
                $"{spec.QueuePairs}",
                isObserved ? RingsOf(status) : Names.Unobserved,
                status.PeerPid == 0 ? "" : $"pid {status.PeerPid}",
                UserOf(status),
                isObserved ? $"{status.WorkerCpu}" : Names.Unobserved);
        }

        return [grid];
    }

    /// <param name="device">What is shown.</param>
    /// <param name="withoutStatus">Its state when it has no status: what was only checked, by default.</param>
    internal static IReadOnlyList<Grid> One(VhostDevice device, string withoutStatus = "valid, not created")
    {
        VhostDeviceSpec spec = device.Spec ?? new VhostDeviceSpec();
        string role = spec.Role == VhostRole.Client ? "client" : $"server, mode {Numbers.FormatMode(spec.SocketMode)}";
        Grid fields = Grid.Fields()
            .Add("Name", device.Name)
            .Add("Socket", Reason.Append(spec.SocketPath, role))
            .Add("Queue pairs", $"{spec.QueuePairs}, rings of at most {spec.QueueSizeMax}");
        Labels.AddTo(fields, device.Labels);
        if (device.Status is not { } status)
        {
            fields.Add("State", new Cell(withoutStatus, Tone.Dim));
            return [fields];
        }

        AddConnection(fields, status);
        AddNegotiated(fields, spec, status);
        return [fields, .. VhostGuestTables.Of(status)];
    }

    /// <summary>A feature's name without the prefix that all have.</summary>
    internal static string ShortName(string feature)
    {
        string prefix = Array.Find(NamePrefixes, p => feature.StartsWith(p, StringComparison.Ordinal)) ?? "";
        return feature[prefix.Length..];
    }

    private static void AddConnection(Grid fields, VhostDeviceStatus status)
    {
        Cell state = Names.Of(status.State);
        fields
            .Add("State", new Cell(Reason.Append(state.Text, status.StateReason), state.Tone))
            .Add("Front-end", FrontEndOf(status))
            .Add("Connections", $"{status.Connections}");
        if (status.LastDisconnect.Length > 0)
        {
            fields.Add("Last one ended", status.LastDisconnect);
        }

        if (status.Requests > 0)
        {
            fields.Add("Requests", $"{status.Requests}, the last {status.LastRequest}");
        }

        fields
            .Add("Used by", Reason.Append(UserOf(status), LinkOf(status)))
            .Add("Worker CPU", $"{status.WorkerCpu}");
    }

    private static void AddNegotiated(Grid fields, VhostDeviceSpec spec, VhostDeviceStatus status)
    {
        if (status.FeatureBits != 0)
        {
            fields
                .Add("Features", Join(status.Features))
                .Add("Not taken", Join(status.OfferedFeatures.Except(status.Features)))
                .Add("Protocol", Join(status.ProtocolFeatures))
                .Add("Header", $"{status.HeaderBytes} B");
        }

        if (spec.Mac.Length > 0)
        {
            fields.Add("MAC", spec.Mac);
        }

        if (status.MtuBytes > 0)
        {
            fields.Add("MTU", $"{status.MtuBytes}");
        }

        if (status.DirtyLog is { SizeBytes: > 0 } log)
        {
            string outside = log.PagesOutside == 0 ? "" : $", {log.PagesOutside} pages beyond it";
            fields.Add(
                "Dirty log", $"{(log.Active ? "active" : "not active")}, {ByteSize.Format(log.SizeBytes)}{outside}");
        }

        if (status.Inflight is { Present: true } inflight)
        {
            fields.Add(
                "In flight",
                $"{inflight.Queues} queues of {inflight.QueueSize}");
        }
    }

    private static string FrontEndOf(VhostDeviceStatus status)
    {
        if (status.ConnectedFor is not { } since)
        {
            return "";
        }

        string peer = status.PeerPid == 0 ? "process unknown" : $"pid {status.PeerPid}, uid {status.PeerUid}";
        return $"{peer}, connected for {Quantity.Age(since.ToTimeSpan())}";
    }

    private static string RingsOf(VhostDeviceStatus status)
    {
        int carrying = status.Rings.Count(r => r is { Started: true, Enabled: true, Fault.Length: 0 });
        string layout = Names.Of(status.Rings.Select(r => r.Layout).FirstOrDefault(l => l != 0));
        return status.Rings.Count == 0 ? "" : $"{carrying} of {status.Rings.Count} {layout}".TrimEnd();
    }

    private static string UserOf(VhostDeviceStatus status)
    {
        return status.Link.Length > 0 ? $"link {status.Link}"
            : status.Bridge.Length > 0 ? $"bridge {status.Bridge}"
            : "";
    }

    // What the guest is told of its link.
    private static string LinkOf(VhostDeviceStatus status) =>
        UserOf(status).Length == 0 ? "" : status.LinkUp ? "up" : "down";

    private static string Join(IEnumerable<string> features) => string.Join(", ", features.Select(ShortName));
}
