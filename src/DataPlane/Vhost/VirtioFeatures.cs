namespace Nf.DataPlane.Vhost;

/// <summary>Feature bits of a virtio-net device and of vhost (virtio 1.3, 5.1.3 and 6; linux/vhost_types.h).</summary>
internal static class VirtioFeatures
{
    internal const ulong Checksum = 1UL << 0;
    internal const ulong GuestChecksum = 1UL << 1;
    internal const ulong Mtu = 1UL << 3;
    internal const ulong Mac = 1UL << 5;
    internal const ulong GuestTso4 = 1UL << 7;
    internal const ulong GuestTso6 = 1UL << 8;
    internal const ulong GuestEcn = 1UL << 9;
    internal const ulong HostTso4 = 1UL << 11;
    internal const ulong HostTso6 = 1UL << 12;
    internal const ulong HostEcn = 1UL << 13;
    internal const ulong MergeableBuffers = 1UL << 15;
    internal const ulong Status = 1UL << 16;
    internal const ulong GuestAnnounce = 1UL << 21;
    internal const ulong MultiQueue = 1UL << 22;
    internal const ulong NotifyOnEmpty = 1UL << 24;
    internal const ulong LogAll = 1UL << 26;
    internal const ulong AnyLayout = 1UL << 27;
    internal const ulong IndirectDescriptors = 1UL << 28;
    internal const ulong EventIndex = 1UL << 29;

    /// <summary>VHOST_USER_F_PROTOCOL_FEATURES; the guest never sees it.</summary>
    internal const ulong ProtocolFeatures = 1UL << 30;
    internal const ulong Version1 = 1UL << 32;
    internal const ulong AccessPlatform = 1UL << 33;
    internal const ulong RingPacked = 1UL << 34;
    internal const ulong InOrder = 1UL << 35;

    /// <summary>Bytes of the virtio-net header that precedes each frame: 12 with mergeable buffers or VERSION_1, else
    /// 10 (virtio 1.3, 5.1.6).</summary>
    internal static uint HeaderBytes(ulong features) =>
        (features & (MergeableBuffers | Version1 | RingPacked)) != 0 ? 12u : 10u;
}
