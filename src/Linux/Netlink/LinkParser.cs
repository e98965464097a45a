using System.Runtime.InteropServices;
using static Nf.Linux.NetlinkAttributes;

namespace Nf.Linux;

/// <summary>Turns the payload of RTM_NEWLINK and RTM_DELLINK into a <see cref="LinkInfo"/>. Pure.</summary>
internal static unsafe class LinkParser
{
    /// <summary>Parses one message.</summary>
    /// <exception cref="InvalidDataException">A length does not fit, or the interface has no name.</exception>
    internal static LinkInfo Parse(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < sizeof(ifinfomsg))
        {
            throw new InvalidDataException($"link message of {payload.Length} bytes, expected {sizeof(ifinfomsg)}");
        }

        ifinfomsg header = MemoryMarshal.Read<ifinfomsg>(payload);
        var link = new LinkInfo { Ifindex = header.ifi_index, Name = "", Flags = header.ifi_flags };
        var attributes = new NetlinkAttributes(payload[sizeof(ifinfomsg)..]);
        while (attributes.TryRead(out int type, out ReadOnlySpan<byte> value))
        {
            link = With(link, type, value);
        }

        return link.Name.Length > 0
            ? link
            : throw new InvalidDataException($"link message without a name for ifindex {link.Ifindex}");
    }

    private static LinkInfo With(LinkInfo link, int type, ReadOnlySpan<byte> value) => type switch
    {
        Libc.IFLA_IFNAME => link with { Name = Text(value) },
        Libc.IFLA_MTU => link with { MtuBytes = Number<int>(value) },
        Libc.IFLA_LINK => link with { PeerIfindex = Number<int>(value) is not 0 and int peer ? peer : null },
        Libc.IFLA_LINK_NETNSID => link with { PeerNetnsId = Number<int>(value) is >= 0 and int id ? id : null },
        Libc.IFLA_NUM_RX_QUEUES => link with { RxQueueCount = Number<int>(value) },
        Libc.IFLA_NUM_TX_QUEUES => link with { TxQueueCount = Number<int>(value) },
        Libc.IFLA_CARRIER => link with { HasCarrier = Number<byte>(value) != 0 },
        Libc.IFLA_ADDRESS => link with { Address = Hexadecimal(value) },
        Libc.IFLA_LINKINFO => link with { Kind = ParseKind(value) },
        Libc.IFLA_XDP => WithXdp(link, value),
        _ => link,
    };

    private static string ParseKind(ReadOnlySpan<byte> nested)
    {
        var attributes = new NetlinkAttributes(nested);
        string kind = "";
        while (attributes.TryRead(out int type, out ReadOnlySpan<byte> value))
        {
            kind = type == Libc.IFLA_INFO_KIND ? Text(value) : kind;
        }

        return kind;
    }

    private static LinkInfo WithXdp(LinkInfo link, ReadOnlySpan<byte> nested)
    {
        var attributes = new NetlinkAttributes(nested);
        var attached = XdpAttached.None;
        uint id = 0;
        uint nativeId = 0;
        while (attributes.TryRead(out int type, out ReadOnlySpan<byte> value))
        {
            switch (type)
            {
                case Libc.IFLA_XDP_ATTACHED:
                    attached = (XdpAttached)Number<byte>(value);
                    break;
                case Libc.IFLA_XDP_PROG_ID:
                    id = Number<uint>(value);
                    break;
                case Libc.IFLA_XDP_DRV_PROG_ID:
                    nativeId = Number<uint>(value);
                    break;
                default:
                    break;
            }
        }

        return link with { XdpAttached = attached, XdpProgramId = id != 0 ? id : nativeId };
    }

    private static string Hexadecimal(ReadOnlySpan<byte> address)
    {
        // Infiniband's 20 bytes are the longest there are (MAX_ADDR_LEN is 32).
        const int AddressBytesMax = 32;
        var parts = new List<string>();
        foreach (byte b in address[..Math.Min(address.Length, AddressBytesMax)])
        {
            parts.Add(b.ToString("x2"));
        }

        return string.Join(':', parts);
    }
}
