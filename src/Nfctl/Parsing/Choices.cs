using Nf.V1;

namespace Nf.Ctl.Parsing;

/// <summary>The choices of the command line.</summary>
internal static class Choices
{
    internal static readonly Choice<OutputFormat> Output =
        new(("table", OutputFormat.Table), ("json", OutputFormat.Json));

    internal static readonly Choice<XskMode> XskModes =
        new(("auto", XskMode.Auto), ("zero-copy", XskMode.ZeroCopy), ("copy", XskMode.Copy));

    internal static readonly Choice<XskOwner> XskOwners =
        new(("data-plane", XskOwner.DataPlane), ("client", XskOwner.Client));

    internal static readonly Choice<XdpMode> XdpModes =
        new(("auto", XdpMode.Auto), ("native", XdpMode.Native), ("generic", XdpMode.Generic));

    internal static readonly Choice<CpumapBackend> CpumapBackends =
        new(("kernel", CpumapBackend.Kernel), ("userspace", CpumapBackend.Userspace));

    internal static readonly Choice<CpumapUpdateMode> CpumapUpdateModes = new(
        ("any", CpumapUpdateMode.Any), ("noexist", CpumapUpdateMode.Noexist), ("exist", CpumapUpdateMode.Exist));

    /// <summary>Resource types of events, in the contract's spelling.</summary>
    internal static readonly Choice<string> ResourceTypes = new(
        ("umem", "umem"), ("xsk", "xsk_socket"), ("vhost", "vhost_device"), ("link", "link"), ("bridge", "bridge"),
        ("cpumap", "cpumap"), ("cpumap-program", "cpumap_program"), ("steering", "steering"),
        ("lease", "lease"), ("interface", "interface"), ("data-plane", "data_plane"), ("xsk_socket", "xsk_socket"),
        ("vhost_device", "vhost_device"), ("cpumap_program", "cpumap_program"), ("data_plane", "data_plane"));
}
