namespace Nf.DataPlane.Vhost.Memory;

/// <summary>One region of guest memory as a front-end describes it (struct VhostUserMemoryRegion).</summary>
/// <param name="GuestAddress">Where the guest sees it.</param>
/// <param name="SizeBytes">Its size.</param>
/// <param name="UserAddress">Where the front-end sees it.</param>
/// <param name="FileOffset">Where it begins in its file.</param>
internal readonly record struct GuestRegionLayout(
    ulong GuestAddress, ulong SizeBytes, ulong UserAddress, ulong FileOffset);
