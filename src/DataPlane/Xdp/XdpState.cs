using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Xdp;

/// <summary>The XDP programs an interface has: ids, 0 for none.</summary>
/// <param name="NativeId">In the driver.</param>
/// <param name="GenericId">In the generic hook.</param>
/// <param name="HardwareId">In the device itself.</param>
internal readonly record struct XdpState(uint NativeId, uint GenericId, uint HardwareId)
{
    /// <summary>Whether there is none.</summary>
    internal bool IsEmpty => NativeId == 0 && GenericId == 0 && HardwareId == 0;

    /// <summary>The program of a hook.</summary>
    internal uint ProgramIdIn(XdpMode mode) => mode == XdpMode.Native ? NativeId : GenericId;

    /// <inheritdoc/>
    public override string ToString() => this switch
    {
        { NativeId: not 0, GenericId: not 0 } => $"{NativeId} (native) and {GenericId} (generic)",
        { NativeId: not 0 } => $"{NativeId} (native)",
        { GenericId: not 0 } => $"{GenericId} (generic)",
        { HardwareId: not 0 } => $"{HardwareId} (hardware)",
        _ => "none",
    };
}
