namespace Nf.DataPlane.Vhost.Memory;

/// <summary>A region as the status shows it.</summary>
/// <param name="Layout">Where it is.</param>
/// <param name="IsSealed">Whether its file cannot shrink under us.</param>
/// <param name="IsLost">Whether part of it had to be replaced because the file did.</param>
internal readonly record struct GuestRegionState(GuestRegionLayout Layout, bool IsSealed, bool IsLost);
