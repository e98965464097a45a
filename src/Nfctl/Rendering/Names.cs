using Nf.V1;

namespace Nf.Ctl.Rendering;

/// <summary>Enum values for people, coloured by what they mean.</summary>
internal static class Names
{
    /// <summary>The state of a resource that nobody observes.</summary>
    internal const string NoDataPlane = "unknown, no data plane";

    /// <summary>What a table shows of a resource that nobody observes.</summary>
    internal static readonly Cell Unobserved = new("-", Tone.Dim);

    internal static Cell Of(UmemState state)
    {
        return state switch
        {
            UmemState.Ready => new("ready", Tone.Good),
            UmemState.Releasing => new("releasing", Tone.Warning),
            _ => Unknown((int)state),
        };
    }

    internal static Cell Of(XskState state)
    {
        return state switch
        {
            XskState.Bound => new("bound", Tone.Good),
            XskState.DeviceDown => new("device-down", Tone.Warning),
            XskState.DeviceLost => new("device-lost", Tone.Bad),
            XskState.Releasing => new("releasing", Tone.Warning),
            _ => Unknown((int)state),
        };
    }

    internal static Cell Of(LinkState state)
    {
        return state switch
        {
            LinkState.Up => new("up", Tone.Good),
            LinkState.Degraded => new("degraded", Tone.Bad),
            _ => Unknown((int)state),
        };
    }

    internal static Cell Of(BridgeState state)
    {
        return state switch
        {
            BridgeState.Up => new("up", Tone.Good),
            BridgeState.Degraded => new("degraded", Tone.Bad),
            _ => Unknown((int)state),
        };
    }

    internal static Cell Of(VhostState state)
    {
        return state switch
        {
            VhostState.Listening => new("listening", Tone.Warning),
            VhostState.Connecting => new("connecting", Tone.Warning),
            VhostState.Connected => new("connected", Tone.Warning),
            VhostState.Started => new("started", Tone.Good),
            VhostState.Broken => new("broken", Tone.Bad),
            VhostState.Failed => new("failed", Tone.Bad),
            _ => Unknown((int)state),
        };
    }

    internal static Cell Of(SteeringState state)
    {
        return state switch
        {
            SteeringState.Active => new("active", Tone.Good),
            SteeringState.DeviceLost => new("device-lost", Tone.Bad),
            _ => Unknown((int)state),
        };
    }

    internal static string Of(CpumapBackend backend)
    {
        return backend switch
        {
            CpumapBackend.Kernel or CpumapBackend.Unspecified => "kernel",
            CpumapBackend.Userspace => "userspace",
            _ => Unknown((int)backend).Text,
        };
    }

    internal static string Of(VhostRole role)
    {
        return role switch
        {
            VhostRole.Server or VhostRole.Unspecified => "server",
            VhostRole.Client => "client",
            _ => Unknown((int)role).Text,
        };
    }

    internal static string Of(VhostRingLayout layout)
    {
        return layout switch
        {
            VhostRingLayout.Split => "split",
            VhostRingLayout.Packed => "packed",
            _ => "",
        };
    }

    internal static string Of(XskMode mode)
    {
        return mode switch
        {
            XskMode.Copy => "copy",
            XskMode.ZeroCopy => "zero-copy",
            XskMode.Auto or XskMode.Unspecified => "auto",
            _ => Unknown((int)mode).Text,
        };
    }

    internal static string Of(XdpMode mode)
    {
        return mode switch
        {
            XdpMode.Native => "native",
            XdpMode.Generic => "generic",
            XdpMode.Auto or XdpMode.Unspecified => "auto",
            _ => Unknown((int)mode).Text,
        };
    }

    internal static Cell Of(EventKind kind)
    {
        return kind switch
        {
            EventKind.Created => new("created", Tone.Good),
            EventKind.Deleted => "deleted",
            EventKind.StateChanged => new("state-changed", Tone.Warning),
            EventKind.InterfaceChanged => new("interface-changed", Tone.Warning),
            EventKind.DataPlaneUp => new("data-plane-up", Tone.Good),
            EventKind.DataPlaneDown => new("data-plane-down", Tone.Bad),
            EventKind.Replayed => new("replayed", Tone.Warning),
            EventKind.Fault => new("fault", Tone.Bad),
            EventKind.EventsLost => new("events-lost", Tone.Bad),
            _ => Unknown((int)kind),
        };
    }

    internal static string YesNo(bool yes) => yes ? "yes" : "no";

    /// <summary>A value that this nfctl does not know yet.</summary>
    private static Cell Unknown(int value) => new($"unknown({value})", Tone.Dim);
}
