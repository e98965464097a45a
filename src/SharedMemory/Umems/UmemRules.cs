using Nf.Linux;
using static Nf.SharedMemory.Umems.UmemGeometry;

namespace Nf.SharedMemory.Umems;

/// <summary>The rules behind <see cref="UmemGeometry"/>; where each comes from is told there.</summary>
internal static class UmemRules
{
    private const uint ChunkSizeBytesMin = IfXdp.XDP_UMEM_MIN_CHUNK_SIZE;

    // Transmit metadata is read and written as words of 8 bytes.
    private const uint TxMetadataUnit = 8;

    /// <param name="request">With its chunk size filled in.</param>
    internal static List<UmemFault> FindFaults(in UmemRequest request)
    {
        var faults = new List<UmemFault>();
        if (!Enum.IsDefined(request.PageSize))
        {
            faults.Add(new("page_size", $"{(int)request.PageSize} is no page size"));
        }

        bool isChunkValid = CheckChunk(request, faults);
        CheckHeadroom(request, isChunkValid, faults);
        CheckSize(request, isChunkValid, faults);
        CheckAddress(request, faults);
        CheckMetadata(request, faults);
        return faults;
    }

    internal static bool IsUnaligned(in UmemRequest request) =>
        request.Unaligned || (request.Flags & IfXdp.XDP_UMEM_UNALIGNED_CHUNK_FLAG) != 0;

    internal static ulong BytesOf(HugePageSize size) => size switch
    {
        HugePageSize.Size2MiB => 2ul << 20,
        HugePageSize.Size1GiB => 1ul << 30,
        _ => PageBytes,
    };

    /// <param name="value">At least one unit below 2^64.</param>
    /// <param name="unit">A power of two.</param>
    internal static ulong RoundUp(ulong value, ulong unit) => (value + unit - 1) & ~(unit - 1);

    private static bool CheckChunk(in UmemRequest request, List<UmemFault> faults)
    {
        int before = faults.Count;
        uint chunk = request.ChunkSizeBytes;
        if (chunk < ChunkSizeBytesMin || chunk > request.ChunkSizeBytesMax)
        {
            faults.Add(new(
                "chunk_size_bytes", $"{chunk} is not {ChunkSizeBytesMin} to {request.ChunkSizeBytesMax}"));
        }

        if (!IsUnaligned(request) && !uint.IsPow2(chunk))
        {
            faults.Add(new("chunk_size_bytes", $"{chunk} is not a power of two, which it must be unless unaligned"));
        }

        return faults.Count == before;
    }

    private static void CheckHeadroom(in UmemRequest request, bool isChunkValid, List<UmemFault> faults)
    {
        // Without a chunk to go by, what no chunk allows is wrong all the same.
        uint chunk = isChunkValid ? request.ChunkSizeBytes : Math.Max(request.ChunkSizeBytesMax, ChunkSizeBytesMin);
        uint max = chunk - HeadroomReserveBytes;
        if (request.HeadroomBytes > max)
        {
            faults.Add(new(
                "headroom_bytes",
                $"{request.HeadroomBytes} is more than {max}, a chunk of {chunk} less {HeadroomReserveBytes}"));
        }
    }

    private static void CheckSize(in UmemRequest request, bool isChunkValid, List<UmemFault> faults)
    {
        const string field = "size_bytes";
        ulong size = request.SizeBytes;

        // The kernel counts 4 KiB pages in 32 bits. This bound also keeps the rounding below from overflowing.
        const ulong sizeMax = (ulong)uint.MaxValue * PageBytes;
        if (size == 0)
        {
            faults.Add(new(field, "0 is no size"));
        }
        else if (size > sizeMax)
        {
            faults.Add(new(field, $"{size} is more than {uint.MaxValue} pages of {PageBytes} bytes"));
        }
        else if (isChunkValid)
        {
            CheckChunks(request, faults);
        }
    }

    private static void CheckChunks(in UmemRequest request, List<UmemFault> faults)
    {
        const string field = "size_bytes";
        (ulong size, uint chunk) = (request.SizeBytes, request.ChunkSizeBytes);
        if (size < chunk)
        {
            faults.Add(new(field, $"{size} is less than one chunk of {chunk} bytes"));
        }
        else if (!IsUnaligned(request) && size % chunk != 0)
        {
            faults.Add(new(field, $"{size} is not a whole number of chunks of {chunk} bytes"));
        }

        if (size / chunk > uint.MaxValue)
        {
            faults.Add(new(field, $"{size} has more than {uint.MaxValue} chunks of {chunk} bytes"));
        }
    }

    private static void CheckAddress(in UmemRequest request, List<UmemFault> faults)
    {
        if (request.Address is not ulong address)
        {
            return;
        }

        if (address % PageBytes != 0)
        {
            faults.Add(new("address", $"0x{address:x} is not a multiple of {PageBytes}"));
        }

        if (address > ulong.MaxValue - request.SizeBytes)
        {
            faults.Add(new("address", $"0x{address:x} and {request.SizeBytes} bytes go beyond the last address"));
        }
    }

    private static void CheckMetadata(in UmemRequest request, List<UmemFault> faults)
    {
        uint metadata = request.TxMetadataBytes;
        if (metadata >= TxMetadataBytesLimit || metadata % TxMetadataUnit != 0)
        {
            faults.Add(new(
                "tx_metadata_bytes",
                $"{metadata} is not a multiple of {TxMetadataUnit} below {TxMetadataBytesLimit}"));
        }

        uint unknown = request.Flags & ~FlagsKnown;
        if (unknown != 0)
        {
            faults.Add(new("flags", $"0x{unknown:x} is unknown, the flags are 0x{FlagsKnown:x}"));
        }
    }
}
