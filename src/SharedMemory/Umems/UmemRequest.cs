using Nf.Linux;

namespace Nf.SharedMemory.Umems;

/// <summary>What someone asks a UMEM to look like; not checked yet.</summary>
public readonly record struct UmemRequest()
{
    /// <summary>Where the memory is, when it exists already; null when it will be mapped.</summary>
    public ulong? Address { get; init; }

    /// <summary>Bytes of packet memory.</summary>
    public ulong SizeBytes { get; init; }

    /// <summary>Bytes of a chunk; 0 means <see cref="UmemGeometry.ChunkSizeBytesDefault"/>.</summary>
    public uint ChunkSizeBytes { get; init; }

    /// <summary>Bytes left free in front of a received frame, beside the kernel's own 256.</summary>
    public uint HeadroomBytes { get; init; }

    /// <summary>Chunks of any size at any address (XDP_UMEM_UNALIGNED_CHUNK_FLAG).</summary>
    public bool Unaligned { get; init; }

    /// <summary>Pages behind the memory.</summary>
    public HugePageSize PageSize { get; init; }

    /// <summary>Bytes of metadata in front of a frame to send; 0 for none.</summary>
    public uint TxMetadataBytes { get; init; }

    /// <summary>Checksums that the metadata asks for are finished on the CPU (XDP_UMEM_TX_SW_CSUM).</summary>
    public bool TxSoftwareChecksum { get; init; }

    /// <summary>Further XDP_UMEM_… flags as the kernel takes them.</summary>
    public uint Flags { get; init; }

    /// <summary>
    /// Largest chunk that the running kernel takes; a probe that finds one which takes more may raise it.
    /// </summary>
    public uint ChunkSizeBytesMax { get; init; } = UmemGeometry.PageBytes;
}
