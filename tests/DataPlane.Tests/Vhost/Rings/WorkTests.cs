using Nf.DataPlane.Frames;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Rings;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Vhost.Rings;

/// <summary>Whatever a guest writes into its ring, a burst reads no more of it than its share: a worker polls others,
/// too.</summary>
public class WorkTests
{
    private const uint Size = 1024;
    private const ulong Mergeable = VirtioFeatures.MergeableBuffers;
    private const ulong Indirect = VirtioFeatures.IndirectDescriptors;

    // The share of a burst, and the longest chain: a ring of descriptors, a table, and a stretch for each.
    private const ulong BurstMax =
        ChainWalker.WorkPerBurst + (FrameBatch.CountMax * ChainWalker.WorkPerFrame) + (4 * Size);

    // A ring full of chains, each of every descriptor with a header and a byte at the end of them: 64 frames of as many
    // chains.
    [Fact]
    public void Enqueue_EveryChainIsTheWholeRing_BurstEndsWithItsShare()
    {
        using var lab = new RingLab(RingLab.Split | Mergeable, Size);
        LinkAll(lab.SplitSide, SplitDriver.Write, lastLength: 13);
        OfferHeads(lab.SplitSide);

        Burst burst = Flood(lab);
        Assert.Equal(0u, burst.TxPackets);
        Assert.Equal(64u, burst.Dropped);
        Assert.Equal(64u, burst.Drops[(int)DropReason.BadChain]);
        Assert.Contains("so many pieces", lab.Ring.LastBadChain.ToString(), StringComparison.Ordinal);
        Assert.Equal(RingFault.None, lab.Ring.Fault);
        Assert.False(lab.Driver.HasUsed);
    }

    // The same with a table behind each descriptor, whose last entry has the byte.
    [Theory]
    [InlineData(RingLab.Split | Mergeable | Indirect)]
    [InlineData(RingLab.Packed | Mergeable | Indirect)]
    public void Enqueue_EveryChainIsALongTable_BurstEndsWithItsShare(ulong features)
    {
        using var lab = new RingLab(features, Size);
        ulong buffer = lab.Ram.Take(1);
        ulong at = lab.Ram.Take(16 * 1024, 16);
        Piece[] table = [.. Enumerable.Repeat(new Piece(buffer, 0, Writable: true), 1023), new Piece(buffer, 1, true)];
        for (int i = 0; i < Size; i++)
        {
            lab.Driver.AddIndirect([], table, at);
        }

        lab.Driver.Publish();
        Assert.Equal(0u, Flood(lab).TxPackets);
    }

    // A frame begins anew behind each bad chain, and what was copied before it was copied for nothing.
    [Theory]
    [InlineData(RingLab.Split | Mergeable)]
    [InlineData(RingLab.Packed | Mergeable)]
    public void Enqueue_LargeBufferBeforeEachBadChain_CopiesCount(ulong features)
    {
        using var lab = new RingLab(features, Size);
        ulong buffer = lab.Ram.Take(60_000);
        for (int i = 0; i < Size / 2; i++)
        {
            lab.Driver.Add([new Piece(buffer, 60_000, Writable: true)]);
            lab.Driver.Add([new Piece(0, 100, Writable: true)]);
        }

        lab.Driver.Publish();
        byte[] frame = RingLab.Frame(1, 65_000);
        ulong before = lab.Ring.Work;
        lab.Deliver(frame, frame, frame, frame);
        Assert.InRange(lab.Ring.Work - before, 1u, BurstMax);
        Assert.Equal(0u, lab.Burst.TxPackets);
        Assert.InRange(lab.Driver.TakeAll().Count, 2, 20);
    }

    // A frame that finds too few buffers leaves them, and the next would look at all of them again.
    [Theory]
    [InlineData(RingLab.Split | Mergeable)]
    [InlineData(RingLab.Packed | Mergeable)]
    public void Enqueue_TinyBuffersTooFew_AllAreDroppedForWantOfBuffers(ulong features)
    {
        using var lab = new RingLab(features, Size);
        ulong buffer = lab.Ram.Take(13);
        for (int i = 0; i < Size; i++)
        {
            lab.Driver.Add([new Piece(buffer, 13, Writable: true)]);
        }

        lab.Driver.Publish();
        Assert.Equal(64u, Flood(lab, length: 14_000).Drops[(int)DropReason.NoGuestBuffer]);
        Assert.Equal((uint)Size, lab.Ring.Pending);
        Assert.Equal(0ul, lab.Ring.BadChains);
    }

    // What a guest may do: the largest frame in buffers of a cache line, and a burst of ordinary ones.
    [Theory]
    [InlineData(RingLab.Split | Mergeable, 64_000, 1)]
    [InlineData(RingLab.Packed | Mergeable, 64_000, 1)]
    [InlineData(RingLab.Split | Mergeable, 900, 64)]
    [InlineData(RingLab.Packed | Mergeable, 900, 64)]
    public void Enqueue_BuffersOfACacheLine_AreFilled(ulong features, int length, int frames)
    {
        using var lab = new RingLab(features, Size);
        for (int i = 0; i < Size; i++)
        {
            lab.Driver.Add([new Piece(lab.Ram.Take(64), 64, Writable: true)]);
        }

        lab.Driver.Publish();
        Assert.Equal((uint)frames, lab.Deliver([.. Enumerable.Repeat(RingLab.Frame(1, length), frames)]).TxPackets);
    }

    // Nothing is lost or refused: what a round does not take, the next ones do.
    [Theory]
    [InlineData(RingLab.Split)]
    [InlineData(RingLab.Split | VirtioFeatures.InOrder)]
    public void Dequeue_EveryChainIsTheWholeRing_RoundsTakeThemAll(ulong features)
    {
        using var lab = new RingLab(features, Size);
        LinkAll(lab.SplitSide, 0, lastLength: 200);
        OfferHeads(lab.SplitSide);
        int taken = 0;
        int rounds = 0;
        while (lab.Ring.Pending != 0)
        {
            ulong before = lab.Ring.Work;
            lab.Dequeue();
            Assert.InRange(lab.Ring.Work - before, 1u, BurstMax);
            Assert.InRange(lab.Batch.Count, 1u, 32u);
            taken += (int)lab.Batch.Count;
            rounds++;
            lab.Ring.Complete();
        }

        Assert.Equal(((int)Size, true), (taken, rounds > 30));
    }

    private static Burst Flood(RingLab lab, int length = 1500)
    {
        ulong before = lab.Ring.Work;
        Burst burst = lab.Deliver([.. Enumerable.Repeat(RingLab.Frame(1, length), 64)]);
        Assert.InRange(lab.Ring.Work - before, 1u, BurstMax);
        return burst;
    }

    // Descriptors of no length, each with the next, and a last one that has something.
    private static void LinkAll(SplitDriver driver, ushort flags, uint lastLength)
    {
        ulong at = driver.Ram.Take(4096);
        for (uint i = 0; i < Size; i++)
        {
            bool isLast = i == Size - 1;
            driver.Describe(
                i, at, isLast ? lastLength : 0, (ushort)(flags | (isLast ? 0 : SplitDriver.Next)), (ushort)(i + 1));
        }
    }

    private static void OfferHeads(SplitDriver driver)
    {
        for (int i = 0; i < Size; i++)
        {
            driver.OfferHead(0);
        }
    }
}
