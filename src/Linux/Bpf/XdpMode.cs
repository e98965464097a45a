namespace Nf.Linux;

/// <summary>Where an XDP program runs.</summary>
public enum XdpMode
{
    /// <summary>
    /// In the driver if it knows XDP, else <see cref="Generic"/>. A driver's refusal is an error, not a fallback.
    /// </summary>
    Auto,

    /// <summary>In the driver (DRV).</summary>
    Native,

    /// <summary>In the stack, on socket buffers (SKB).</summary>
    Generic,
}

internal static class XdpModes
{
    internal static uint ToFlags(this XdpMode mode) => mode switch
    {
        XdpMode.Auto => 0,
        XdpMode.Native => LinuxBpf.XDP_FLAGS_DRV_MODE,
        XdpMode.Generic => LinuxBpf.XDP_FLAGS_SKB_MODE,
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "unknown XDP mode"),
    };
}
