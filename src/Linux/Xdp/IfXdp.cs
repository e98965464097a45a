namespace Nf.Linux;

/// <summary>Constants of linux/if_xdp.h under their C names; the year's newest header, not the machine's.</summary>
public static class IfXdp
{
    public const int SOL_XDP = 283;

    public const ushort XDP_SHARED_UMEM = 1 << 0;
    public const ushort XDP_COPY = 1 << 1;
    public const ushort XDP_ZEROCOPY = 1 << 2;
    public const ushort XDP_USE_NEED_WAKEUP = 1 << 3;

    /// <summary>Since 6.6.</summary>
    public const ushort XDP_USE_SG = 1 << 4;

    public const uint XDP_UMEM_UNALIGNED_CHUNK_FLAG = 1 << 0;

    /// <summary>Since 6.8.</summary>
    public const uint XDP_UMEM_TX_SW_CSUM = 1 << 1;

    /// <summary>Since 6.11.</summary>
    public const uint XDP_UMEM_TX_METADATA_LEN = 1 << 2;

    public const uint XDP_RING_NEED_WAKEUP = 1 << 0;

    public const int XDP_MMAP_OFFSETS = 1;
    public const int XDP_RX_RING = 2;
    public const int XDP_TX_RING = 3;
    public const int XDP_UMEM_REG = 4;
    public const int XDP_UMEM_FILL_RING = 5;
    public const int XDP_UMEM_COMPLETION_RING = 6;
    public const int XDP_STATISTICS = 7;
    public const int XDP_OPTIONS = 8;

    /// <summary>Since 6.17.</summary>
    public const int XDP_MAX_TX_SKB_BUDGET = 9;

    public const uint XDP_OPTIONS_ZEROCOPY = 1 << 0;

    public const long XDP_PGOFF_RX_RING = 0;
    public const long XDP_PGOFF_TX_RING = 0x80000000;
    public const long XDP_UMEM_PGOFF_FILL_RING = 0x100000000;
    public const long XDP_UMEM_PGOFF_COMPLETION_RING = 0x180000000;

    public const int XSK_UNALIGNED_BUF_OFFSET_SHIFT = 48;
    public const ulong XSK_UNALIGNED_BUF_ADDR_MASK = (1ul << XSK_UNALIGNED_BUF_OFFSET_SHIFT) - 1;

    /// <summary>Since 6.6.</summary>
    public const uint XDP_PKT_CONTD = 1 << 0;

    /// <summary>Since 6.8.</summary>
    public const uint XDP_TX_METADATA = 1 << 1;

    public const ulong XDP_TXMD_FLAGS_TIMESTAMP = 1 << 0;
    public const ulong XDP_TXMD_FLAGS_CHECKSUM = 1 << 1;

    /// <summary>Since 6.15.</summary>
    public const ulong XDP_TXMD_FLAGS_LAUNCH_TIME = 1 << 2;

    /// <summary>
    /// Bytes the kernel keeps free in front of a received frame, beside the chunk's own headroom (linux/bpf.h).
    /// </summary>
    public const int XDP_PACKET_HEADROOM = 256;

    /// <summary>Smallest chunk of a UMEM (net/xdp/xdp_umem.c, not in a header).</summary>
    public const int XDP_UMEM_MIN_CHUNK_SIZE = 2048;
}
