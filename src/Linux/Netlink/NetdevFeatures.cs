namespace Nf.Linux;

/// <summary>What a device can do with XDP (enum netdev_xdp_act of linux/netdev.h).</summary>
[Flags]
public enum XdpFeatures : ulong
{
    None = 0,
    Basic = 1,
    Redirect = 2,
    NdoXmit = 4,
    XskZeroCopy = 8,
    HardwareOffload = 16,
    RxScatterGather = 32,
    NdoXmitScatterGather = 64,
}

/// <summary>What a device can do for AF_XDP transmission (enum netdev_xsk_flags).</summary>
[Flags]
public enum XskFeatures : ulong
{
    None = 0,
    TxTimestamp = 1,
    TxChecksum = 2,
    TxLaunchTimeFifo = 4,
}

/// <summary>Features of a device, as the "netdev" netlink family reports them (6.3+).</summary>
/// <param name="Xdp">What it can do with XDP.</param>
/// <param name="ZeroCopySegmentCountMax">Descriptors of one packet in zero-copy mode; 1 means no multi-buffer.</param>
/// <param name="RxMetadata">enum netdev_xdp_rx_metadata: 1 timestamp, 2 hash, 4 VLAN tag.</param>
/// <param name="Xsk">What it can do for AF_XDP transmission.</param>
public sealed record NetdevFeatures(
    XdpFeatures Xdp, int ZeroCopySegmentCountMax, ulong RxMetadata, XskFeatures Xsk);

/// <summary>One queue of a device.</summary>
/// <param name="Id">Number among the queues of its direction.</param>
/// <param name="IsTransmit">Its direction.</param>
/// <param name="NapiId">The poll loop that serves it; null when unknown.</param>
/// <param name="HasXsk">Whether an AF_XDP socket is bound to it, by whomever (reported since 6.15).</param>
public sealed record NetdevQueue(int Id, bool IsTransmit, uint? NapiId, bool HasXsk);
