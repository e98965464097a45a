using Nf.DataPlane.Tests.Vhost.Memory;
using Nf.V1;

namespace Nf.DataPlane.Tests.Control;

/// <summary>What is behind the memory of a UMEM, and that frames pass through every kind of it.</summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class BackingTests
{
    private const ulong Mib = 1 << 20;

    [Fact]
    public void Umem_HugePages_AreGrantedCarryFramesAndAreAdopted()
    {
        using var pool = new HugePagePool(4);
        Assert.True(pool.IsFilled, "no 2 MiB pages can be had here");
        using var pairs = new TwoPairs();
        int before = HugePagePool.Free;

        // Half a page more than one page: two are mapped.
        V1.Umem umem = pairs.Life.CreateUmem(
            "u", new UmemSpec { SizeBytes = 3 * Mib, ChunkSizeBytes = 2048, PageSize = PageSize._2Mib });

        Assert.Equal(
            (PageSize._2Mib, "", 4 * Mib, true),
            (umem.Status.PageSize, umem.Status.PageSizeReason, umem.Status.MappedBytes, umem.Status.Locked));
        Assert.Equal(before - 2, HugePagePool.Free);
        pairs.LinkBoth();
        pairs.CheckTraffic(60, 1514);
        pairs.Succeed();
        Assert.Empty(pairs.Life.AdoptionFaults);
        Assert.Equal(PageSize._2Mib, pairs.Life.Resources.Umem("u").Describe().Status.PageSize);
        pairs.CheckTraffic(60, 1514);
        pairs.Life.Clear();
        Assert.Equal(before, HugePagePool.Free);
    }

    [Fact]
    public void Umem_GigabytePagesThatDoNotExist_FallBackToTheNextSizeAndSayWhy()
    {
        if (HugePagePool.FreeGigabytes > 0)
        {
            // Here they exist, and would be granted.
            return;
        }

        using var pool = new HugePagePool(1);
        Assert.True(pool.IsFilled, "no 2 MiB pages can be had here");
        using var keeper = new FakeKeeper();
        using var life = new ControlLife(keeper);

        UmemStatus status = life.CreateUmem(
            "u", new UmemSpec { SizeBytes = Mib, ChunkSizeBytes = 2048, PageSize = PageSize._1Gib }).Status;

        Assert.Equal((PageSize._2Mib, 2 * Mib), (status.PageSize, status.MappedBytes));
        Assert.StartsWith("no 1 GiB pages: ", status.PageSizeReason, StringComparison.Ordinal);
        Assert.DoesNotContain("2 MiB", status.PageSizeReason, StringComparison.Ordinal);
    }

    [Fact]
    public void Umem_MoreThanThereAreHugePages_FallsBackToOrdinaryOnesAndSaysWhy()
    {
        using var keeper = new FakeKeeper();
        using var life = new ControlLife(keeper);
        ulong more = ((ulong)HugePagePool.Free + 1) * 2 * Mib;

        UmemStatus status = life.CreateUmem(
            "u", new UmemSpec { SizeBytes = more, ChunkSizeBytes = 2048, PageSize = PageSize._2Mib }).Status;

        Assert.Equal((PageSize._4Kib, more, true), (status.PageSize, status.MappedBytes, status.Locked));
        Assert.StartsWith("no 2 MiB pages: ", status.PageSizeReason, StringComparison.Ordinal);
        Assert.Contains("ENOMEM", status.PageSizeReason, StringComparison.Ordinal);
    }

    [Fact]
    public void Umem_NumaNode_ThatExistsIsUsedAndOthersAreNamed()
    {
        using var pairs = new TwoPairs();
        pairs.Life.CreateUmem("u", Spec(0));
        string memory = File.ReadLines("/proc/self/numa_maps").First(
            line => line.Contains("nf-umem-u", StringComparison.Ordinal));
        Assert.Contains("bind:0", memory, StringComparison.Ordinal);
        pairs.LinkBoth();
        pairs.CheckTraffic(200);

        Assert.Equal("NUMA_NODE_UNKNOWN", ControlLife.Fault(() => pairs.Life.CreateUmem("v", Spec(1023))));
        Assert.Single(pairs.Life.Resources.Umems);

        static UmemSpec Spec(uint node) =>
            new() { SizeBytes = Mib, ChunkSizeBytes = 2048, NumaNode = node };
    }

    [Theory]
    [InlineData(4096, 0, false, 0, false)]
    [InlineData(4096, 512, false, 0, false)]
    [InlineData(3000, 0, true, 0, false)]
    [InlineData(3333, 100, true, 0, false)]
    [InlineData(4096, 0, false, 24, false)]
    [InlineData(4096, 0, false, 64, true)]
    [InlineData(3000, 0, true, 24, false)]
    public void Umem_Kind_CarriesFramesWithAndWithoutCopies(
        uint chunkSize, uint headroom, bool unaligned, uint metadata, bool softwareChecksum)
    {
        using var pairs = new TwoPairs();
        pairs.Life.CreateUmem("u", new UmemSpec
        {
            SizeBytes = 512 * chunkSize,
            ChunkSizeBytes = chunkSize,
            HeadroomBytes = headroom,
            Unaligned = unaligned,
            TxMetadataBytes = metadata,
            TxSoftwareChecksum = softwareChecksum,
        });
        pairs.LinkBoth();
        pairs.CheckTraffic(60, 333, 1514);

        pairs.Life.Links.Delete("l");
        pairs.Life.Unbind("b");
        pairs.Life.CreateUmem("plain");
        pairs.Life.Until(() => pairs.Life.Resources.Sockets.Count == 1, "the queue to be free");
        pairs.Life.Bind("b", pairs.Spec("plain", TwoPairs.SecondDevice));
        pairs.Life.Link("l", "a", "b");
        pairs.CheckTraffic(60, 333, 1514);
    }
}
