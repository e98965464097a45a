using System.Runtime.InteropServices;

namespace Nf.Linux;

// linux/ethtool.h, linux/if.h

/// <summary>Names an interface in an ioctl, and points to what the command is about.</summary>
[StructLayout(LayoutKind.Explicit, Size = 40)]
internal unsafe struct ifreq
{
    [FieldOffset(0)]
    internal fixed byte ifr_name[Libc.IFNAMSIZ];
    [FieldOffset(16)]
    internal void* ifr_data;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ethtool_channels
{
    internal uint cmd;
    internal uint max_rx;
    internal uint max_tx;
    internal uint max_other;
    internal uint max_combined;
    internal uint rx_count;
    internal uint tx_count;
    internal uint other_count;
    internal uint combined_count;
}

[StructLayout(LayoutKind.Explicit, Size = 196)]
internal unsafe struct ethtool_drvinfo
{
    [FieldOffset(0)]
    internal uint cmd;
    [FieldOffset(4)]
    internal fixed byte driver[32];
    [FieldOffset(36)]
    internal fixed byte version[32];
    [FieldOffset(68)]
    internal fixed byte fw_version[32];
    [FieldOffset(100)]
    internal fixed byte bus_info[32];
}

[StructLayout(LayoutKind.Sequential)]
internal struct ethtool_value
{
    internal uint cmd;
    internal uint data;
}
