using System.Runtime.InteropServices;

namespace Nf.Linux;

/// <summary>
/// Declarations of libbpf (1.0 and later): object loading and netlink attachment. The rest is bpf(2) itself.
/// </summary>
internal static unsafe partial class LibBpf
{
    private const string Library = "libbpf.so.1";

    [LibraryImport(Library)]
    internal static partial void* libbpf_set_print(delegate* unmanaged<int, byte*, void*, int> print);

    [LibraryImport(Library)]
    internal static partial int libbpf_num_possible_cpus();

    [LibraryImport(Library, SetLastError = true)]
    internal static partial void* bpf_object__open_mem(void* bytes, nuint size, bpf_object_open_opts* options);

    [LibraryImport(Library)]
    internal static partial int bpf_object__load(void* bpfObject);

    [LibraryImport(Library)]
    internal static partial void bpf_object__close(void* bpfObject);

    [LibraryImport(Library)]
    internal static partial void* bpf_object__next_program(void* bpfObject, void* program);

    [LibraryImport(Library)]
    internal static partial void* bpf_object__next_map(void* bpfObject, void* map);

    [LibraryImport(Library)]
    internal static partial byte* bpf_program__name(void* program);

    [LibraryImport(Library)]
    internal static partial int bpf_program__set_autoload(void* program, byte autoload);

    [LibraryImport(Library)]
    internal static partial int bpf_program__fd(void* program);

    [LibraryImport(Library)]
    internal static partial byte* bpf_program__section_name(void* program);

    [LibraryImport(Library)]
    internal static partial uint bpf_program__type(void* program);

    [LibraryImport(Library)]
    internal static partial uint bpf_program__expected_attach_type(void* program);

    [LibraryImport(Library)]
    internal static partial uint bpf_program__flags(void* program);

    [LibraryImport(Library)]
    internal static partial byte* bpf_map__name(void* map);

    [LibraryImport(Library)]
    internal static partial uint bpf_map__type(void* map);

    [LibraryImport(Library)]
    internal static partial uint bpf_map__key_size(void* map);

    [LibraryImport(Library)]
    internal static partial uint bpf_map__value_size(void* map);

    [LibraryImport(Library)]
    internal static partial uint bpf_map__max_entries(void* map);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int bpf_map__set_pin_path(void* map, string? path);

    [LibraryImport(Library)]
    internal static partial int bpf_map__fd(void* map);

    [LibraryImport(Library)]
    internal static partial int bpf_map__set_max_entries(void* map, uint entries);

    [LibraryImport(Library)]
    internal static partial int bpf_map__reuse_fd(void* map, FileDescriptor fd);

    [LibraryImport(Library)]
    internal static partial void* bpf_map__initial_value(void* map, nuint* size);

    [LibraryImport(Library)]
    internal static partial int bpf_xdp_attach(
        int ifindex, FileDescriptor program, uint flags, bpf_xdp_attach_opts* options);

    [LibraryImport(Library)]
    internal static partial int bpf_xdp_detach(int ifindex, uint flags, bpf_xdp_attach_opts* options);

    [LibraryImport(Library)]
    internal static partial int bpf_xdp_query_id(int ifindex, int flags, uint* programId);

    // libc's, for libbpf's print callback: on x86-64 and arm64 a va_list parameter is a pointer.
    [LibraryImport("libc")]
    internal static partial int vsnprintf(byte* buffer, nuint size, byte* format, void* arguments);
}

/// <summary>How an object file is opened.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct bpf_object_open_opts
{
    internal nuint sz;
    internal byte* object_name;
    internal byte relaxed_maps;
    internal byte* pin_root_path;
    private readonly uint _reserved;
    internal byte* kconfig;
    internal byte* btf_custom_path;
    internal byte* kernel_log_buf;
    internal nuint kernel_log_size;
    internal uint kernel_log_level;
}

/// <summary>Which program is expected to be attached already.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct bpf_xdp_attach_opts
{
    internal nuint sz;
    internal int old_prog_fd;
}
