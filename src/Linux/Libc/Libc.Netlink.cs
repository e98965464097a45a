using System.Runtime.InteropServices;

namespace Nf.Linux;

// linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/if.h, linux/genetlink.h
public static unsafe partial class Libc
{
    internal const int NETLINK_ROUTE = 0;
    internal const int NETLINK_GENERIC = 16;
    internal const int SOL_NETLINK = 270;
    internal const int NETLINK_EXT_ACK = 11;

    internal const ushort NLMSG_ERROR = 2;
    internal const ushort NLMSG_DONE = 3;
    internal const ushort NLM_F_REQUEST = 0x1;
    internal const ushort NLM_F_ACK = 0x4;
    internal const ushort NLM_F_DUMP_INTR = 0x10;
    internal const ushort NLM_F_DUMP = 0x300;
    internal const int NLA_TYPE_MASK = ~0xc000;

    internal const ushort RTM_NEWLINK = 16;
    internal const ushort RTM_DELLINK = 17;
    internal const ushort RTM_GETLINK = 18;
    internal const uint RTMGRP_LINK = 1;
    internal const uint RTEXT_FILTER_SKIP_STATS = 8;

    internal const ushort IFLA_ADDRESS = 1;
    internal const ushort IFLA_IFNAME = 3;
    internal const ushort IFLA_MTU = 4;
    internal const ushort IFLA_LINK = 5;
    internal const ushort IFLA_LINKINFO = 18;
    internal const ushort IFLA_EXT_MASK = 29;
    internal const ushort IFLA_NUM_TX_QUEUES = 31;
    internal const ushort IFLA_NUM_RX_QUEUES = 32;
    internal const ushort IFLA_CARRIER = 33;
    internal const ushort IFLA_LINK_NETNSID = 37;
    internal const ushort IFLA_XDP = 43;
    internal const ushort IFLA_INFO_KIND = 1;
    internal const ushort IFLA_XDP_ATTACHED = 2;
    internal const ushort IFLA_XDP_PROG_ID = 4;
    internal const ushort IFLA_XDP_DRV_PROG_ID = 5;
    internal const ushort IFLA_XDP_SKB_PROG_ID = 6;
    internal const ushort IFLA_XDP_HW_PROG_ID = 7;

    internal const uint IFF_UP = 0x1;
    internal const uint IFF_RUNNING = 0x40;
    internal const uint IFF_LOWER_UP = 0x10000;
    internal const int IFNAMSIZ = 16;

    internal const ushort GENL_ID_CTRL = 16;
    internal const byte CTRL_CMD_GETFAMILY = 3;
    internal const ushort CTRL_ATTR_FAMILY_ID = 1;
    internal const ushort CTRL_ATTR_FAMILY_NAME = 2;
}

/// <summary>Address of a netlink socket; the kernel is port 0.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct sockaddr_nl
{
    internal ushort nl_family;
    internal ushort nl_pad;
    internal uint nl_pid;
    internal uint nl_groups;
}

/// <summary>Header of a netlink message.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct nlmsghdr
{
    internal uint nlmsg_len;
    internal ushort nlmsg_type;
    internal ushort nlmsg_flags;
    internal uint nlmsg_seq;
    internal uint nlmsg_pid;
}

/// <summary>Header of an attribute.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct nlattr
{
    internal ushort nla_len;
    internal ushort nla_type;
}

/// <summary>What precedes the attributes of a link message.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ifinfomsg
{
    internal byte ifi_family;
    private readonly byte _pad;
    internal ushort ifi_type;
    internal int ifi_index;
    internal uint ifi_flags;
    internal uint ifi_change;
}

/// <summary>What precedes the attributes of a generic netlink message.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct genlmsghdr
{
    internal byte cmd;
    internal byte version;
    internal ushort reserved;
}
