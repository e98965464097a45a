namespace Nf.Linux;

/// <summary>Constants of linux/netdev.h (6.3+) under their C names.</summary>
internal static class LinuxNetdev
{
    internal const byte NETDEV_CMD_DEV_GET = 1;
    internal const byte NETDEV_CMD_QUEUE_GET = 10;
    internal const byte NETDEV_CMD_NAPI_GET = 11;
    internal const byte NETDEV_CMD_NAPI_SET = 14;

    internal const ushort NETDEV_A_DEV_IFINDEX = 1;
    internal const ushort NETDEV_A_DEV_XDP_FEATURES = 3;
    internal const ushort NETDEV_A_DEV_XDP_ZC_MAX_SEGS = 4;
    internal const ushort NETDEV_A_DEV_XDP_RX_METADATA_FEATURES = 5;
    internal const ushort NETDEV_A_DEV_XSK_FEATURES = 6;

    internal const ushort NETDEV_A_QUEUE_ID = 1;
    internal const ushort NETDEV_A_QUEUE_IFINDEX = 2;
    internal const ushort NETDEV_A_QUEUE_TYPE = 3;
    internal const ushort NETDEV_A_QUEUE_NAPI_ID = 4;
    internal const ushort NETDEV_A_QUEUE_XSK = 7;

    internal const ushort NETDEV_A_NAPI_IFINDEX = 1;
    internal const ushort NETDEV_A_NAPI_ID = 2;
    internal const ushort NETDEV_A_NAPI_DEFER_HARD_IRQS = 5;
    internal const ushort NETDEV_A_NAPI_GRO_FLUSH_TIMEOUT = 6;
}
