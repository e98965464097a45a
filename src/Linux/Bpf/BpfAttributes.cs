using System.Runtime.InteropServices;

namespace Nf.Linux;

// The members of union bpf_attr (linux/bpf.h) that each command reads. What lies between them is zero.

[CName("union bpf_attr")]
[StructLayout(LayoutKind.Explicit, Size = 48)]
internal unsafe struct bpf_attr_map_create
{
    [FieldOffset(0)]
    internal uint map_type;
    [FieldOffset(4)]
    internal uint key_size;
    [FieldOffset(8)]
    internal uint value_size;
    [FieldOffset(12)]
    internal uint max_entries;
    [FieldOffset(16)]
    internal uint map_flags;
    [FieldOffset(24)]
    internal uint numa_node;
    [FieldOffset(28)]
    internal fixed byte map_name[LinuxBpf.BPF_OBJ_NAME_LEN];
}

[CName("union bpf_attr")]
[StructLayout(LayoutKind.Explicit, Size = 32)]
internal unsafe struct bpf_attr_elem
{
    [FieldOffset(0)]
    internal uint map_fd;
    [FieldOffset(8)]
    internal void* key;
    [FieldOffset(16)]
    internal void* value;
    [FieldOffset(24)]
    internal ulong flags;
}

[CName("union bpf_attr")]
[StructLayout(LayoutKind.Explicit, Size = 72)]
internal unsafe struct bpf_attr_prog_load
{
    [FieldOffset(0)]
    internal uint prog_type;
    [FieldOffset(4)]
    internal uint insn_cnt;
    [FieldOffset(8)]
    internal void* insns;
    [FieldOffset(16)]
    internal void* license;
    [FieldOffset(24)]
    internal uint log_level;
    [FieldOffset(28)]
    internal uint log_size;
    [FieldOffset(32)]
    internal void* log_buf;
    [FieldOffset(44)]
    internal uint prog_flags;
    [FieldOffset(48)]
    internal fixed byte prog_name[LinuxBpf.BPF_OBJ_NAME_LEN];
    [FieldOffset(68)]
    internal uint expected_attach_type;
}

[CName("union bpf_attr")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal unsafe struct bpf_attr_obj
{
    [FieldOffset(0)]
    internal void* pathname;
    [FieldOffset(8)]
    internal uint bpf_fd;
    [FieldOffset(12)]
    internal uint file_flags;
}

[CName("union bpf_attr", "info.")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal unsafe struct bpf_attr_info
{
    [FieldOffset(0)]
    internal uint bpf_fd;
    [FieldOffset(4)]
    internal uint info_len;
    [FieldOffset(8)]
    internal void* info;
}

[CName("union bpf_attr", "test.")]
[StructLayout(LayoutKind.Explicit, Size = 80)]
internal unsafe struct bpf_attr_test
{
    [FieldOffset(0)]
    internal uint prog_fd;
    [FieldOffset(4)]
    internal uint retval;
    [FieldOffset(8)]
    internal uint data_size_in;
    [FieldOffset(12)]
    internal uint data_size_out;
    [FieldOffset(16)]
    internal void* data_in;
    [FieldOffset(24)]
    internal void* data_out;
    [FieldOffset(32)]
    internal uint repeat;
    [FieldOffset(36)]
    internal uint duration;
    [FieldOffset(40)]
    internal uint ctx_size_in;
    [FieldOffset(44)]
    internal uint ctx_size_out;
    [FieldOffset(48)]
    internal void* ctx_in;
    [FieldOffset(56)]
    internal void* ctx_out;
    [FieldOffset(64)]
    internal uint flags;
    [FieldOffset(68)]
    internal uint cpu;
    [FieldOffset(72)]
    internal uint batch_size;
}

[CName("union bpf_attr", "link_create.")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct bpf_attr_link_create
{
    [FieldOffset(0)]
    internal uint prog_fd;
    [FieldOffset(4)]
    internal uint target_ifindex;
    [FieldOffset(8)]
    internal uint attach_type;
    [FieldOffset(12)]
    internal uint flags;
}

[CName("union bpf_attr", "link_update.")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct bpf_attr_link_update
{
    [FieldOffset(0)]
    internal uint link_fd;
    [FieldOffset(4)]
    internal uint new_prog_fd;
    [FieldOffset(8)]
    internal uint flags;
    [FieldOffset(12)]
    internal uint old_prog_fd;
}

[CName("union bpf_attr", "link_detach.")]
[StructLayout(LayoutKind.Explicit, Size = 4)]
internal struct bpf_attr_link_detach
{
    [FieldOffset(0)]
    internal uint link_fd;
}

[CName("union bpf_attr", "raw_tracepoint.")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal unsafe struct bpf_attr_raw_tracepoint
{
    [FieldOffset(0)]
    internal void* name;
    [FieldOffset(8)]
    internal uint prog_fd;
}
