using static Nf.Linux.LinuxNetdev;
using static Nf.Linux.NetlinkAttributes;

namespace Nf.Linux;

/// <summary>Turns generic netlink answers into values. Pure.</summary>
internal static unsafe class NetdevParser
{
    internal static NetdevFeatures ParseDevice(ReadOnlySpan<byte> payload)
    {
        NetlinkAttributes attributes = Attributes(payload);
        ulong xdp = 0, rxMetadata = 0, xsk = 0;
        int segments = 1;
        while (attributes.TryRead(out int type, out ReadOnlySpan<byte> value))
        {
            switch (type)
            {
                case NETDEV_A_DEV_XDP_FEATURES:
                    xdp = Unsigned(value);
                    break;
                case NETDEV_A_DEV_XDP_ZC_MAX_SEGS:
                    segments = (int)Math.Min(Unsigned(value), int.MaxValue);
                    break;
                case NETDEV_A_DEV_XDP_RX_METADATA_FEATURES:
                    rxMetadata = Unsigned(value);
                    break;
                case NETDEV_A_DEV_XSK_FEATURES:
                    xsk = Unsigned(value);
                    break;
                default:
                    break;
            }
        }

        return new NetdevFeatures((XdpFeatures)xdp, segments, rxMetadata, (XskFeatures)xsk);
    }

    internal static NetdevQueue ParseQueue(ReadOnlySpan<byte> payload)
    {
        NetlinkAttributes attributes = Attributes(payload);
        var queue = new NetdevQueue(0, false, null, false);
        while (attributes.TryRead(out int type, out ReadOnlySpan<byte> value))
        {
            queue = type switch
            {
                NETDEV_A_QUEUE_ID => queue with { Id = Number<int>(value) },
                NETDEV_A_QUEUE_TYPE => queue with { IsTransmit = Number<uint>(value) == 1 },
                NETDEV_A_QUEUE_NAPI_ID => queue with { NapiId = Number<uint>(value) },
                NETDEV_A_QUEUE_XSK => queue with { HasXsk = true },
                _ => queue,
            };
        }

        return queue;
    }

    internal static ushort ParseFamilyId(ReadOnlySpan<byte> payload)
    {
        NetlinkAttributes attributes = Attributes(payload);
        ushort id = 0;
        while (attributes.TryRead(out int type, out ReadOnlySpan<byte> value))
        {
            id = type == Libc.CTRL_ATTR_FAMILY_ID ? Number<ushort>(value) : id;
        }

        return id != 0 ? id : throw new InvalidDataException("generic netlink family without an id");
    }

    private static NetlinkAttributes Attributes(ReadOnlySpan<byte> payload) => payload.Length >= sizeof(genlmsghdr)
        ? new NetlinkAttributes(payload[sizeof(genlmsghdr)..])
        : throw new InvalidDataException($"generic netlink message of {payload.Length} bytes");
}
