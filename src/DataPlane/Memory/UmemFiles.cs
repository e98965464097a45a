using Nf.Linux;
using Nf.SharedMemory.Umems;

namespace Nf.DataPlane.Memory;

/// <summary>The two memfds of a UMEM, and what was granted of what was asked for.</summary>
internal sealed class UmemFiles : IDisposable
{
    private const long LedgerEntryBytes = sizeof(ushort);
    private const long PageBytes = 4096;

    internal UmemFiles(
        FileDescriptor packets, FileDescriptor ledger, HugePageSize pageSize, string pageSizeReason, int? numaNode)
    {
        Packets = packets;
        Ledger = ledger;
        PageSize = pageSize;
        PageSizeReason = pageSizeReason;
        NumaNode = numaNode;
    }

    /// <summary>The memfd of the packets.</summary>
    internal FileDescriptor Packets { get; }

    /// <summary>The memfd of the ledger: a 16-bit owner per chunk.</summary>
    internal FileDescriptor Ledger { get; }

    /// <summary>The page size granted.</summary>
    internal HugePageSize PageSize { get; }

    /// <summary>Why it is not the one asked for; empty when it is.</summary>
    internal string PageSizeReason { get; }

    /// <summary>The NUMA node asked for.</summary>
    internal int? NumaNode { get; }

    /// <summary>Why the packets could not be locked; empty when they are.</summary>
    internal string LockReason { get; private set; } = "";

    /// <summary>Makes the memfds, with the wanted page size or the next smaller one that can be had.</summary>
    /// <exception cref="LinuxException">There is no memory.</exception>
    internal static UmemFiles Create(string name, UmemGeometry geometry, HugePageSize wanted, int? numaNode)
    {
        var refusals = new List<string>();
        for (HugePageSize size = wanted; ; size--)
        {
            try
            {
                return CreateWith(name, geometry, size, refusals, numaNode);
            }
            catch (LinuxException refusal) when (size > HugePageSize.None)
            {
                refusals.Add($"no {Describe(size)} pages: {refusal.Message}");
            }
        }
    }

    /// <summary>Bytes that are mapped for the packets: whole pages of the size granted.</summary>
    internal long PacketBytes(UmemGeometry geometry) => RoundUp((long)geometry.SizeBytes, Bytes(PageSize));

    /// <summary>Maps the packets: populated, and locked when that is allowed.</summary>
    internal MappedMemory MapPackets(UmemGeometry geometry)
    {
        long length = PacketBytes(geometry);
        try
        {
            return MappedMemory.Map(
                Packets, 0, length, MapAccess.ReadWrite, populate: true, lockPages: true, numaNode: NumaNode);
        }
        catch (LinuxException refusal) when (refusal.Call.StartsWith("mlock", StringComparison.Ordinal))
        {
            // Not fatal: the kernel pins the pages when a socket registers them.
            LockReason = refusal.Message;
            return MappedMemory.Map(Packets, 0, length, MapAccess.ReadWrite, populate: true, numaNode: NumaNode);
        }
    }

    /// <summary>Maps the ledger.</summary>
    internal MappedMemory MapLedger(UmemGeometry geometry) => MappedMemory.Map(
        Ledger, 0, LedgerBytes(geometry), MapAccess.ReadWrite, populate: true);

    /// <exception cref="InvalidDataException">The files do not fit the geometry.</exception>
    internal void CheckSizes(UmemGeometry geometry)
    {
        if (Packets.Length != PacketBytes(geometry) || Ledger.Length != LedgerBytes(geometry))
        {
            throw new InvalidDataException(
                $"packet file of {Packets.Length} and ledger of {Ledger.Length} bytes do not fit "
                + $"{geometry.ChunkCount} chunks of {geometry.ChunkSizeBytes} bytes");
        }
    }

    public void Dispose()
    {
        Packets.Dispose();
        Ledger.Dispose();
    }

    private static UmemFiles CreateWith(
        string name, UmemGeometry geometry, HugePageSize size, List<string> refusals, int? numaNode)
    {
        long length = RoundUp((long)geometry.SizeBytes, Bytes(size));
        if (size == HugePageSize.None)
        {
            MemoryBudget.Require(length);
        }

        FileDescriptor packets = MemFile.Create($"nf-umem-{name}", length, new MemFileOptions(size));
        try
        {
            // Huge pages are reserved by mapping, not by creating: only a mapping tells whether they can be had.
            MappedMemory.Map(packets, 0, length, MapAccess.ReadWrite, populate: true, numaNode: numaNode).Dispose();
            MemFile.AddSeals(packets, MemFileSeals.Shrink | MemFileSeals.Grow);
            FileDescriptor ledger = MemFile.Create($"nf-ledger-{name}", LedgerBytes(geometry), new MemFileOptions());
            return new UmemFiles(packets, ledger, size, string.Join("; ", refusals), numaNode);
        }
        catch
        {
            packets.Dispose();
            throw;
        }
    }

    private static long LedgerBytes(UmemGeometry geometry) =>
        RoundUp(checked((long)geometry.ChunkCount * LedgerEntryBytes), PageBytes);

    private static long Bytes(HugePageSize size) => size switch
    {
        HugePageSize.Size2MiB => 2L << 20,
        HugePageSize.Size1GiB => 1L << 30,
        _ => PageBytes,
    };

    private static string Describe(HugePageSize size) => size == HugePageSize.Size1GiB ? "1 GiB" : "2 MiB";

    private static long RoundUp(long value, long unit) => checked(value + unit - 1) / unit * unit;
}
