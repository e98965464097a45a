using System.Numerics;
using Nf.Linux;

namespace Nf.SharedMemory.Umems;

/// <summary>The shape of a UMEM. One that exists is valid: every kernel with its features registers it.</summary>
/// <remarks>
/// The rules are those of <c>xdp_umem_reg</c> (net/xdp/xdp_umem.c) from 4.18 to 6.18, the strictest where they differ:
/// <list type="bullet">
/// <item>A chunk is a power of two from 2048 to a page; unaligned, any size from 2048 to a page. A page is 4096 bytes
/// even on huge pages: a larger chunk would be fine there, but every kernel so far refuses it with EINVAL, aligned and
/// unaligned (tried with 8192 and 2 MiB pages; 4.18 says in a comment that it could be supported).
/// <see cref="UmemRequest.ChunkSizeBytesMax"/> waits for one that does.</item>
/// <item>The memory begins on a page and does not wrap around; aligned, it is a whole number of chunks. 4.18 also
/// wanted whole pages of chunks: what is mapped here are whole pages.</item>
/// <item>Pages and chunks are counted in 32 bits (since 5.10 and 6.4; earlier kernels cut the numbers off).</item>
/// <item>Headroom leaves 704 bytes of the chunk: 256 that the kernel keeps in front of the data, 320 behind it for
/// skb_shared_info, and 128 for a frame. So since 2026; earlier kernels ask for 256 only, and may not be trusted with
/// less than this.</item>
/// <item>Transmit metadata is a multiple of 8 below 256 (since 6.8).</item>
/// </list>
/// </remarks>
public sealed record UmemGeometry
{
    /// <summary>Bytes of a page as the kernel pins and counts them, also within huge pages.</summary>
    public const uint PageBytes = 4096;

    /// <summary>Bytes of a chunk when nothing is asked for: a full Ethernet frame, two to a page.</summary>
    public const uint ChunkSizeBytesDefault = 2048;

    /// <summary>Bytes of a chunk that headroom must leave.</summary>
    public const uint HeadroomReserveBytes = 704;

    /// <summary>Metadata must be below this.</summary>
    public const uint TxMetadataBytesLimit = 256;

    internal const uint FlagsKnown = IfXdp.XDP_UMEM_UNALIGNED_CHUNK_FLAG
        | IfXdp.XDP_UMEM_TX_SW_CSUM | IfXdp.XDP_UMEM_TX_METADATA_LEN;

    private readonly int _chunkShift;

    private UmemGeometry(UmemRequest request)
    {
        ChunkSizeBytes = request.ChunkSizeBytes;
        SizeBytes = request.SizeBytes;
        HeadroomBytes = request.HeadroomBytes;
        TxMetadataBytes = request.TxMetadataBytes;
        Flags = request.Flags
            | (request.Unaligned ? IfXdp.XDP_UMEM_UNALIGNED_CHUNK_FLAG : 0)
            | (request.TxSoftwareChecksum ? IfXdp.XDP_UMEM_TX_SW_CSUM : 0)
            | (request.TxMetadataBytes > 0 ? IfXdp.XDP_UMEM_TX_METADATA_LEN : 0);
        IsUnaligned = UmemRules.IsUnaligned(request);
        ChunkStrideBytes = (ChunkSizeBytes + 1) & ~1u;
        ChunkCount = (uint)(((SizeBytes - ChunkSizeBytes) / ChunkStrideBytes) + 1);
        MappedBytes = UmemRules.RoundUp(SizeBytes, UmemRules.BytesOf(request.PageSize));
        _chunkShift = BitOperations.Log2(ChunkSizeBytes);
    }

    /// <summary>Bytes of a chunk.</summary>
    public uint ChunkSizeBytes { get; }

    /// <summary>Bytes from one chunk to the next: its size, made even.</summary>
    /// <remarks>
    /// Since 6.18 the kernel keeps the address of a frame that it copied with a mark in the lowest bit (net/xdp/xsk.c,
    /// xsk_skb_destructor_set_addr), and returns it with that bit cleared: an odd address would come back as one of the
    /// chunk before.
    /// </remarks>
    public uint ChunkStrideBytes { get; }

    /// <summary>Bytes to register.</summary>
    public ulong SizeBytes { get; }

    /// <summary>Bytes to map: <see cref="SizeBytes"/> in whole pages of the backing.</summary>
    public ulong MappedBytes { get; }

    /// <summary>Whole chunks; unaligned, bytes behind the last of them are not used.</summary>
    public uint ChunkCount { get; }

    /// <summary>Bytes left free in front of a received frame, beside the kernel's own 256.</summary>
    public uint HeadroomBytes { get; }

    /// <summary>Bytes of metadata in front of a frame to send.</summary>
    public uint TxMetadataBytes { get; }

    /// <summary>XDP_UMEM_… flags of the registration.</summary>
    public uint Flags { get; }

    /// <summary>Whether an address has its offset in the upper 16 bits.</summary>
    public bool IsUnaligned { get; }

    /// <summary>Bytes of the largest frame that one chunk receives.</summary>
    public uint FrameBytesMax => ChunkSizeBytes - HeadroomBytes - IfXdp.XDP_PACKET_HEADROOM;

    /// <summary>Bytes of the largest frame that one chunk sends, metadata in front of it.</summary>
    public uint TxFrameBytesMax => ChunkSizeBytes - TxMetadataBytes;

    /// <summary>Bytes from the beginning of a chunk to a frame that was received into it.</summary>
    public uint RxOffset => HeadroomBytes + IfXdp.XDP_PACKET_HEADROOM;

    /// <summary>Checks a request.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="geometry">The shape, or null when anything is wrong.</param>
    /// <returns>Everything that is wrong; empty when the geometry is there.</returns>
    public static IReadOnlyList<UmemFault> Check(UmemRequest request, out UmemGeometry? geometry)
    {
        request = request with
        {
            ChunkSizeBytes = request.ChunkSizeBytes == 0 ? ChunkSizeBytesDefault : request.ChunkSizeBytes,
        };
        List<UmemFault> faults = UmemRules.FindFaults(request);
        geometry = faults.Count == 0 ? new UmemGeometry(request) : null;
        return faults;
    }

    /// <summary>The chunk that a descriptor's address is in.</summary>
    /// <param name="address">
    /// As it stands in a ring; unaligned, the base we once handed out in the lower and an offset in the upper bits.
    /// </param>
    /// <param name="index">Which chunk; 0 when there is none.</param>
    /// <returns>False when the address is in none: whoever wrote it is wrong or lies.</returns>
    public bool TryGetChunkIndex(ulong address, out uint index)
    {
        ulong chunk = IsUnaligned
            ? (address & IfXdp.XSK_UNALIGNED_BUF_ADDR_MASK) / ChunkStrideBytes
            : address >> _chunkShift;
        index = chunk < ChunkCount ? (uint)chunk : 0;
        return chunk < ChunkCount;
    }

    /// <summary>The address of a chunk's first byte, as the fill ring takes it.</summary>
    public ulong AddressOf(uint index) => (ulong)index * ChunkStrideBytes;

    /// <summary>Where a descriptor's address points to, in bytes from the beginning of the memory.</summary>
    public ulong OffsetOf(ulong address) => IsUnaligned
        ? (address & IfXdp.XSK_UNALIGNED_BUF_ADDR_MASK) + (address >> IfXdp.XSK_UNALIGNED_BUF_OFFSET_SHIFT)
        : address;

    /// <summary>The registration of memory of this shape.</summary>
    /// <param name="address">Where it is mapped.</param>
    public xdp_umem_reg ToRegistration(ulong address) => new()
    {
        addr = address,
        len = SizeBytes,
        chunk_size = ChunkSizeBytes,
        headroom = HeadroomBytes,
        flags = Flags,
        tx_metadata_len = TxMetadataBytes,
    };
}
