namespace Nf.Linux;

/// <summary>Constants of linux/bpf.h and linux/if_link.h under their C names.</summary>
public static class LinuxBpf
{
    internal const int BPF_MAP_CREATE = 0;
    internal const int BPF_MAP_LOOKUP_ELEM = 1;
    internal const int BPF_MAP_UPDATE_ELEM = 2;
    internal const int BPF_MAP_DELETE_ELEM = 3;
    internal const int BPF_MAP_GET_NEXT_KEY = 4;
    internal const int BPF_PROG_LOAD = 5;
    internal const int BPF_OBJ_PIN = 6;
    internal const int BPF_OBJ_GET = 7;
    internal const int BPF_PROG_TEST_RUN = 10;
    internal const int BPF_OBJ_GET_INFO_BY_FD = 15;
    internal const int BPF_RAW_TRACEPOINT_OPEN = 17;
    internal const int BPF_LINK_CREATE = 28;
    internal const int BPF_LINK_UPDATE = 29;
    internal const int BPF_LINK_DETACH = 34;

    internal const int BPF_OBJ_NAME_LEN = 16;
    internal const uint BPF_XDP = 37;
    internal const uint BPF_F_REPLACE = 1 << 2;
    internal const uint BPF_F_TEST_XDP_LIVE_FRAMES = 1 << 1;
    internal const uint BPF_LINK_TYPE_XDP = 6;

    /// <summary>Program flag: it takes frames of several buffers.</summary>
    internal const uint BPF_F_XDP_HAS_FRAGS = 1 << 5;

    internal const byte BPF_PSEUDO_MAP_FD = 1;
    internal const byte BPF_PSEUDO_MAP_VALUE = 2;
    internal const byte BPF_PSEUDO_CALL = 1;

    public const uint BPF_MAP_TYPE_HASH = 1;
    public const uint BPF_MAP_TYPE_ARRAY = 2;
    public const uint BPF_MAP_TYPE_PERCPU_HASH = 5;
    public const uint BPF_MAP_TYPE_PERCPU_ARRAY = 6;
    public const uint BPF_MAP_TYPE_LRU_PERCPU_HASH = 10;
    public const uint BPF_MAP_TYPE_DEVMAP = 14;
    public const uint BPF_MAP_TYPE_CPUMAP = 16;
    public const uint BPF_MAP_TYPE_XSKMAP = 17;
    public const uint BPF_MAP_TYPE_STRUCT_OPS = 26;

    /// <summary>Map creation flags.</summary>
    public const uint BPF_F_NO_PREALLOC = 1 << 0;
    public const uint BPF_F_NUMA_NODE = 1 << 2;

    /// <summary>Expected attach type of a program that entries of a cpumap run.</summary>
    public const uint BPF_XDP_CPUMAP = 35;

    public const uint BPF_PROG_TYPE_XDP = 6;
    public const uint BPF_PROG_TYPE_TRACING = 26;

    /// <summary>Helpers, by their numbers.</summary>
    public const int BPF_FUNC_map_lookup_elem = 1;
    public const int BPF_FUNC_get_prandom_u32 = 7;
    public const int BPF_FUNC_redirect_map = 51;

    /// <summary>Map update flags.</summary>
    public const ulong BPF_ANY = 0;
    public const ulong BPF_NOEXIST = 1;
    public const ulong BPF_EXIST = 2;

    public const uint XDP_ABORTED = 0;
    public const uint XDP_DROP = 1;
    public const uint XDP_PASS = 2;
    public const uint XDP_TX = 3;
    public const uint XDP_REDIRECT = 4;

    internal const uint XDP_FLAGS_UPDATE_IF_NOEXIST = 1 << 0;
    internal const uint XDP_FLAGS_SKB_MODE = 1 << 1;
    internal const uint XDP_FLAGS_DRV_MODE = 1 << 2;
    internal const uint XDP_FLAGS_HW_MODE = 1 << 3;
    internal const uint XDP_FLAGS_REPLACE = 1 << 4;
}
