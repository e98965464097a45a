using Nf.DataPlane.Vhost;

namespace Nf.DataPlane.Control;

/// <summary>Names for people and programs of what is a number elsewhere.</summary>
internal static class VhostWords
{
    /// <summary>Bits of the features of a virtio-net device, as the headers name them.</summary>
    private static readonly (int Bit, string Name)[] Device =
    [
        (0, "VIRTIO_NET_F_CSUM"), (1, "VIRTIO_NET_F_GUEST_CSUM"), (2, "VIRTIO_NET_F_CTRL_GUEST_OFFLOADS"),
        (3, "VIRTIO_NET_F_MTU"), (5, "VIRTIO_NET_F_MAC"), (6, "VIRTIO_NET_F_GSO"), (7, "VIRTIO_NET_F_GUEST_TSO4"),
        (8, "VIRTIO_NET_F_GUEST_TSO6"), (9, "VIRTIO_NET_F_GUEST_ECN"), (10, "VIRTIO_NET_F_GUEST_UFO"),
        (11, "VIRTIO_NET_F_HOST_TSO4"), (12, "VIRTIO_NET_F_HOST_TSO6"), (13, "VIRTIO_NET_F_HOST_ECN"),
        (14, "VIRTIO_NET_F_HOST_UFO"), (15, "VIRTIO_NET_F_MRG_RXBUF"), (16, "VIRTIO_NET_F_STATUS"),
        (17, "VIRTIO_NET_F_CTRL_VQ"), (18, "VIRTIO_NET_F_CTRL_RX"), (19, "VIRTIO_NET_F_CTRL_VLAN"),
        (20, "VIRTIO_NET_F_CTRL_RX_EXTRA"), (21, "VIRTIO_NET_F_GUEST_ANNOUNCE"), (22, "VIRTIO_NET_F_MQ"),
        (23, "VIRTIO_NET_F_CTRL_MAC_ADDR"), (24, "VIRTIO_F_NOTIFY_ON_EMPTY"), (26, "VHOST_F_LOG_ALL"),
        (27, "VIRTIO_F_ANY_LAYOUT"), (28, "VIRTIO_F_INDIRECT_DESC"), (29, "VIRTIO_F_EVENT_IDX"),
        (30, "VHOST_USER_F_PROTOCOL_FEATURES"), (32, "VIRTIO_F_VERSION_1"), (33, "VIRTIO_F_ACCESS_PLATFORM"),
        (34, "VIRTIO_F_RING_PACKED"), (35, "VIRTIO_F_IN_ORDER"), (36, "VIRTIO_F_ORDER_PLATFORM"),
        (38, "VIRTIO_F_NOTIFICATION_DATA"), (40, "VIRTIO_F_RING_RESET"),
    ];

    /// <summary>Protocol features, by bit (vhost-user specification).</summary>
    private static readonly string[] Protocol =
    [
        "MQ", "LOG_SHMFD", "RARP", "REPLY_ACK", "NET_MTU", "BACKEND_REQ", "CROSS_ENDIAN", "CRYPTO_SESSION", "PAGEFAULT",
        "CONFIG", "BACKEND_SEND_FD", "HOST_NOTIFIER", "INFLIGHT_SHMFD", "RESET_DEVICE", "INBAND_NOTIFICATIONS",
        "CONFIGURE_MEM_SLOTS", "STATUS", "XEN_MMAP", "SHARED_OBJECT", "DEVICE_STATE", "GET_VRING_BASE_INFLIGHT",
    ];

    /// <summary>Names of device features.</summary>
    internal static IEnumerable<string> DeviceFeatures(ulong bits)
    {
        for (int bit = 0; bit < 64; bit++)
        {
            if ((bits & (1UL << bit)) != 0)
            {
                yield return Device.FirstOrDefault(known => known.Bit == bit).Name ?? $"bit {bit}";
            }
        }
    }

    /// <summary>Names of protocol features.</summary>
    internal static IEnumerable<string> ProtocolFeatures(ulong bits)
    {
        for (int bit = 0; bit < 64; bit++)
        {
            if ((bits & (1UL << bit)) != 0)
            {
                yield return bit < Protocol.Length ? $"VHOST_USER_PROTOCOL_F_{Protocol[bit]}" : $"bit {bit}";
            }
        }
    }

    /// <summary>A kind of fault, for programs.</summary>
    internal static string Of(VhostFaultKind kind) => kind switch
    {
        VhostFaultKind.Framing => "bad_message",
        VhostFaultKind.Descriptors => "bad_descriptors",
        VhostFaultKind.UnknownRequest => "unknown_request",
        VhostFaultKind.NotNegotiated => "not_negotiated",
        VhostFaultKind.BadValue => "bad_value",
        VhostFaultKind.BadState => "bad_state",
        VhostFaultKind.BadMemory => "bad_memory",
        VhostFaultKind.Stalled => "timeout",
        VhostFaultKind.Ring => "ring",
        VhostFaultKind.MemoryLost => "memory_lost",
        _ => $"{kind}",
    };
}
