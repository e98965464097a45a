using Nf.SharedMemory.Umems;

namespace Nf.SharedMemory.Tests.Umems;

/// <summary>A request, and the fields that must be found at fault.</summary>
/// <param name="Name">What is tried.</param>
/// <param name="Request">The request; for the kernel its address is an offset into the test's memory.</param>
/// <param name="Faults">Fields at fault, in order; none when it is fine.</param>
/// <param name="Stricter">Why the kernel may take it all the same; empty when it must refuse too.</param>
public sealed record UmemCase(string Name, UmemRequest Request, string[] Faults, string Stricter = "")
{
    private const string Headroom = "kernels before 2026 ask for 256 bytes behind the headroom only";
    private const ulong TwoMiB = 2 << 20;

    /// <summary>Every rule at its boundaries.</summary>
    public static IReadOnlyList<UmemCase> All { get; } =
    [
        .. Chunks(), .. Sizes(), .. Headrooms(), .. Metadata(), .. Addresses(), .. Several(),
    ];

    public override string ToString() => Name;

    private static UmemCase Case(string name, UmemRequest request, params string[] faults) =>
        new(name, request, faults);

    private static UmemRequest Of(
        uint chunk, ulong size, uint headroom = 0, bool unaligned = false, uint metadata = 0, uint flags = 0) => new()
        {
            ChunkSizeBytes = chunk,
            SizeBytes = size,
            HeadroomBytes = headroom,
            Unaligned = unaligned,
            TxMetadataBytes = metadata,
            Flags = flags,
        };

    private static IEnumerable<UmemCase> Chunks()
    {
        yield return Case("2048", Of(2048, TwoMiB));
        yield return Case("4096", Of(4096, TwoMiB));
        yield return Case("default", Of(0, TwoMiB));
        yield return Case("2048 unaligned", Of(2048, TwoMiB, unaligned: true));
        yield return Case("3000 unaligned", Of(3000, 3000 * 10, unaligned: true));
        yield return Case("2049 unaligned", Of(2049, TwoMiB, unaligned: true));
        yield return Case("4095 unaligned", Of(4095, TwoMiB, unaligned: true));
        yield return Case("4096 unaligned", Of(4096, TwoMiB, unaligned: true));
        yield return Case("unaligned by flag", Of(3000, TwoMiB, flags: 1));
        foreach (uint chunk in (uint[])[1024, 8192, 65536, 1u << 31])
        {
            yield return Case($"{chunk}", Of(chunk, TwoMiB), "chunk_size_bytes");
        }

        foreach (uint chunk in (uint[])[2049, 3000, 3072, 4095])
        {
            yield return Case($"{chunk}", Of(chunk, chunk * 4ul), "chunk_size_bytes");
        }

        foreach (uint chunk in (uint[])[3, 2047, 4097, uint.MaxValue])
        {
            yield return Case($"{chunk} aligned", Of(chunk, TwoMiB), "chunk_size_bytes", "chunk_size_bytes");
            yield return Case($"{chunk} unaligned", Of(chunk, TwoMiB, unaligned: true), "chunk_size_bytes");
        }
    }

    private static IEnumerable<UmemCase> Sizes()
    {
        yield return Case("one chunk", Of(2048, 2048));
        yield return Case("half a page more", Of(2048, 6144));
        yield return Case("one chunk of a page", Of(4096, 4096));
        yield return Case("unaligned with a rest", Of(4096, 6144, unaligned: true));
        yield return Case("unaligned with a byte", Of(4096, 4097, unaligned: true));
        foreach (ulong size in (ulong[])[0, 1, 2047, 2049, 4097, TwoMiB - 1, TwoMiB + 1024])
        {
            yield return Case($"{size} bytes", Of(2048, size), "size_bytes");
        }

        yield return Case("half a chunk of a page", Of(4096, 6144), "size_bytes");
        yield return Case("unaligned less than a chunk", Of(4096, 4095, unaligned: true), "size_bytes");
        yield return Case("unaligned nothing", Of(4096, 0, unaligned: true), "size_bytes");
        yield return Case("2^32 chunks", Of(2048, 1ul << 43), "size_bytes");
        yield return Case("2^32 pages", Of(4096, 1ul << 44), "size_bytes");
        yield return Case("2^63 bytes", Of(4096, 1ul << 63), "size_bytes");
        yield return Case("all but a page", Of(4096, ulong.MaxValue - 4095), "size_bytes");
        yield return Case("unaligned everything", Of(4096, ulong.MaxValue, unaligned: true), "size_bytes");
    }

    private static IEnumerable<UmemCase> Headrooms()
    {
        yield return Case("headroom 1", Of(2048, TwoMiB, 1));
        yield return Case("headroom 64", Of(2048, TwoMiB, 64));
        yield return Case("headroom 1344 of 2048", Of(2048, TwoMiB, 1344));
        yield return Case("headroom 3392 of 4096", Of(4096, TwoMiB, 3392));
        yield return Case("headroom 2296 of 3000", Of(3000, TwoMiB, 2296, unaligned: true));
        (uint, uint)[] stricter = [(2048, 1345), (2048, 1791), (4096, 3393), (4096, 3839)];
        foreach ((uint chunk, uint headroom) in stricter)
        {
            yield return Case($"headroom {headroom} of {chunk}", Of(chunk, TwoMiB, headroom), "headroom_bytes")
                with
            { Stricter = Headroom };
        }

        foreach (uint headroom in (uint[])[1793, 2048, 4096, 1u << 31, uint.MaxValue - 255, uint.MaxValue])
        {
            yield return Case($"headroom {headroom}", Of(2048, TwoMiB, headroom), "headroom_bytes");
        }
    }

    private static IEnumerable<UmemCase> Metadata()
    {
        yield return Case("metadata 8", Of(2048, TwoMiB, metadata: 8));
        yield return Case("metadata 24", Of(2048, TwoMiB, metadata: 24));
        yield return Case("metadata 248", Of(2048, TwoMiB, metadata: 248));
        yield return Case("metadata flag alone", Of(2048, TwoMiB, flags: 4));
        yield return Case("checksum", Of(2048, TwoMiB, metadata: 16) with { TxSoftwareChecksum = true });
        foreach (uint metadata in (uint[])[1, 7, 12, 247, 249, 256, 264, 1u << 31, uint.MaxValue])
        {
            yield return Case($"metadata {metadata}", Of(2048, TwoMiB, metadata: metadata), "tx_metadata_bytes");
        }

        foreach (uint flags in (uint[])[8, 16, 1u << 31, uint.MaxValue & ~7u])
        {
            yield return Case($"flags 0x{flags:x}", Of(2048, TwoMiB, flags: flags), "flags");
        }
    }

    private static IEnumerable<UmemCase> Addresses()
    {
        yield return Case("second page", Of(2048, 4096) with { Address = 4096 });
        foreach (ulong offset in (ulong[])[1, 64, 2048, 4095])
        {
            yield return Case($"address +{offset}", Of(2048, 4096) with { Address = offset }, "address");
            yield return Case(
                $"address +{offset} unaligned", Of(3000, 8192, unaligned: true) with { Address = offset }, "address");
        }
    }

    private static IEnumerable<UmemCase> Several()
    {
        yield return Case("no chunk, headroom, metadata and flags right",
            Of(1000, 0, 4000, metadata: 3, flags: 8) with { Address = 5 },
            "chunk_size_bytes", "chunk_size_bytes", "headroom_bytes", "size_bytes", "address", "tx_metadata_bytes",
            "flags");
    }
}
