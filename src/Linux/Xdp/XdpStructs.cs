using System.Runtime.InteropServices;

namespace Nf.Linux;

/// <summary>Packet memory to register; always passed whole, with what is unused zero.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct xdp_umem_reg
{
    public ulong addr;
    public ulong len;
    public uint chunk_size;
    public uint headroom;
    public uint flags;

    /// <summary>Padding before 6.8.</summary>
    public uint tx_metadata_len;
}

/// <summary>Address that an AF_XDP socket is bound to.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct sockaddr_xdp
{
    public ushort sxdp_family;
    public ushort sxdp_flags;
    public uint sxdp_ifindex;
    public uint sxdp_queue_id;
    public uint sxdp_shared_umem_fd;
}

/// <summary>Entry of the RX and TX rings. Entries of the other two are bare addresses.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct xdp_desc
{
    public ulong addr;
    public uint len;
    public uint options;
}

/// <summary>Where in a ring's mapping its parts are, in bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct xdp_ring_offset
{
    public ulong producer;
    public ulong consumer;
    public ulong desc;
    public ulong flags;
}

/// <summary>The offsets of all four rings; they depend on the kernel's cache line size.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct xdp_mmap_offsets
{
    public xdp_ring_offset rx;
    public xdp_ring_offset tx;
    public xdp_ring_offset fr;
    public xdp_ring_offset cr;
}

/// <summary>What the kernel counted for a socket, in packets.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct xdp_statistics
{
    public ulong rx_dropped;
    public ulong rx_invalid_descs;
    public ulong tx_invalid_descs;
    public ulong rx_ring_full;
    public ulong rx_fill_ring_empty_descs;
    public ulong tx_ring_empty_descs;
}

/// <summary>How a socket was bound in the end.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct xdp_options
{
    public uint flags;
}

/// <summary>
/// In front of a frame to transmit: a request. The completion's timestamp overlays it at offset 8 (csum_start).
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 24)]
public struct xsk_tx_metadata
{
    [FieldOffset(0)]
    public ulong flags;
    [FieldOffset(8)]
    public ushort csum_start;
    [FieldOffset(10)]
    public ushort csum_offset;
    [FieldOffset(16)]
    public ulong launch_time;

    /// <summary>Written by the kernel once the frame is sent.</summary>
    [FieldOffset(8)]
    public ulong tx_timestamp;
}
