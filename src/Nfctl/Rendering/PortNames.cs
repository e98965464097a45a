using Nf.Ctl.Parsing;
using Nf.V1;

namespace Nf.Ctl.Rendering;

/// <summary>What a port is called in tables.</summary>
internal static class PortNames
{
    /// <summary>A socket's name, or that of a device as endpoints are written.</summary>
    internal static string Of(PortStats port) =>
        port.VhostDevice.Length > 0 ? Endpoints.VhostPrefix + port.VhostDevice : port.XskSocket;

    internal static string ModeOf(PortStats port) => port.VhostDevice.Length > 0 ? "vhost" : port.Mode;
}
