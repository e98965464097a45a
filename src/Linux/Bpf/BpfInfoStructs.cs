using System.Runtime.InteropServices;

namespace Nf.Linux;

// What BPF_OBJ_GET_INFO_BY_FD answers, as far as it is used: the kernel fills no more than the size it is given.

[StructLayout(LayoutKind.Explicit, Size = 88)]
internal unsafe struct bpf_prog_info
{
    [FieldOffset(0)]
    internal uint type;
    [FieldOffset(4)]
    internal uint id;
    [FieldOffset(20)]
    internal uint xlated_prog_len;
    [FieldOffset(52)]
    internal uint nr_map_ids;
    [FieldOffset(56)]
    internal uint* map_ids;
    [FieldOffset(64)]
    internal fixed byte name[LinuxBpf.BPF_OBJ_NAME_LEN];
    [FieldOffset(80)]
    internal uint ifindex;
}

[StructLayout(LayoutKind.Explicit, Size = 48)]
internal unsafe struct bpf_map_info
{
    [FieldOffset(0)]
    internal uint type;
    [FieldOffset(4)]
    internal uint id;
    [FieldOffset(8)]
    internal uint key_size;
    [FieldOffset(12)]
    internal uint value_size;
    [FieldOffset(16)]
    internal uint max_entries;
    [FieldOffset(20)]
    internal uint map_flags;
    [FieldOffset(24)]
    internal fixed byte name[LinuxBpf.BPF_OBJ_NAME_LEN];
}

/// <summary>The union at offset 16 is read as the one of an XDP link: its first word is the interface.</summary>
[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct bpf_link_info
{
    [FieldOffset(0)]
    internal uint type;
    [FieldOffset(4)]
    internal uint id;
    [FieldOffset(8)]
    internal uint prog_id;
    [FieldOffset(16)]
    internal uint xdp_ifindex;
}

/// <summary>Context of an XDP program, as a test run takes it.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct xdp_md
{
    public uint data;
    public uint data_end;
    public uint data_meta;
    public uint ingress_ifindex;
    public uint rx_queue_index;
    public uint egress_ifindex;
}
