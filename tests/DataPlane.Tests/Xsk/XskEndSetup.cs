using Nf.Linux;
using Nf.SharedMemory.Umems;

namespace Nf.DataPlane.Tests.Xsk;

/// <summary>How a test wants an end of a wire.</summary>
internal sealed record XskEndSetup
{
    internal int Queue { get; init; }

    internal uint Chunks { get; init; } = 512;

    internal uint ChunkSize { get; init; } = 2048;

    internal uint Headroom { get; init; }

    internal bool Unaligned { get; init; }

    internal uint TxMetadata { get; init; }

    internal HugePageSize Pages { get; init; }

    /// <summary>Bytes behind the last chunk, which unaligned memory may have.</summary>
    internal uint Tail { get; init; }

    internal uint Rx { get; init; } = 128;

    internal uint Tx { get; init; } = 128;

    internal uint Fill { get; init; } = 128;

    internal uint Completion { get; init; } = 128;

    internal bool ScatterGather { get; init; }

    internal bool BusyPoll { get; init; }

    /// <summary>Bytes that may be in flight; 0 leaves the kernel's default.</summary>
    internal int SendBuffer { get; init; } = 16 << 20;

    /// <summary>The end whose UMEM is used, and whose fill and completion ring when it has the same queue.</summary>
    internal XskEnd? Shared { get; init; }

    internal UmemGeometry Geometry()
    {
        IReadOnlyList<UmemFault> faults = UmemGeometry.Check(
            new UmemRequest
            {
                SizeBytes = ((ulong)Chunks * ChunkSize) + Tail,
                ChunkSizeBytes = ChunkSize,
                HeadroomBytes = Headroom,
                Unaligned = Unaligned,
                TxMetadataBytes = TxMetadata,
                PageSize = Pages,
            },
            out UmemGeometry? geometry);
        return geometry ?? throw new InvalidOperationException(string.Join("; ", faults));
    }
}
