using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Memory;

namespace Nf.DataPlane.Tests.Vhost.Rings;

// K05 and H13: what a region says is in hand is done again before anything else, once, in its order.
public class InflightTests
{
    private const uint Size = 16;

    [Theory]
    [MemberData(nameof(RingKinds.Both), MemberType = typeof(RingKinds))]
    public void Dequeue_WithRegion_NothingIsInHandAfterEachBurst(ulong features)
    {
        using var lab = new RingLab(features, Size);
        using var region = new Region(lab);
        for (int i = 0; i < 100; i++)
        {
            lab.Driver.OfferFrame(RingLab.Frame(i, 60));
            lab.Driver.OfferFrame(RingLab.Frame(i, 61));
            Assert.Equal(2, lab.Receive().Count);
            Assert.Equal(2, lab.Driver.TakeAll().Count);

            // A life that believes the region finds the ring where it is.
            lab.Ring = lab.Driver.Start(lab.Ring.Base);
            Assert.Equal(0u, lab.Ring.Pending);
            Assert.Equal(0u, lab.Driver.Inflight!.Corrections);
        }
    }

    [Theory]
    [InlineData(RingLab.Split | VirtioFeatures.MergeableBuffers)]
    [InlineData(RingLab.Packed | VirtioFeatures.MergeableBuffers)]
    public void Enqueue_WithRegion_RestoredBuffersStayTheDrivers(ulong features)
    {
        using var lab = new RingLab(features, Size);
        using var region = new Region(lab);
        for (int i = 0; i < 50; i++)
        {
            lab.Driver.OfferBuffer(200, out _);
            lab.Driver.OfferBuffer(200, out _);
            Assert.Equal(1u, lab.Deliver(RingLab.Frame(1, 900), RingLab.Frame(i, 300)).TxPackets);
            Assert.Equal([200u, 112u], lab.Driver.TakeAll().Select(u => u.Length));
        }

        Assert.Equal(0u, lab.Driver.Inflight!.Corrections);
    }

    // Another back-end took three and gave the middle one back before it died.
    [Fact]
    public void Split_HeadsLeftInHand_AreTakenAgainInTheirOrder()
    {
        using var lab = new RingLab(RingLab.Split, Size);
        using var region = new Region(lab);
        var queue = (SplitInflightQueue)lab.Driver.Inflight!;
        byte[][] frames = [.. Enumerable.Range(0, 4).Select(i => RingLab.Frame(i, 60))];
        uint[] heads = [.. frames.Select(f => lab.Driver.OfferFrame(f))];
        queue.Recover(0, Size);
        queue.Fetch((ushort)heads[0]);
        queue.Fetch((ushort)heads[1]);
        queue.Fetch((ushort)heads[2]);
        queue.Finish((ushort)heads[1]);
        lab.Ram.Ref<uint>(lab.Driver.UsedAddress + 4) = heads[1];
        lab.SplitSide.UsedIndex = 1;
        queue.Commit(1);
        Assert.Equal(heads[1], Assert.Single(lab.Driver.TakeAll()).Id);

        lab.Ring = lab.Driver.Start(1);
        Assert.Equal(3u, lab.Ring.Pending);
        Assert.False(lab.Ring.EnableKicks());
        byte[][] expected = [frames[0], frames[2], frames[3]];
        Assert.Equal(expected, lab.Receive());
        Assert.Equal([heads[0], heads[2], heads[3]], lab.Driver.TakeAll().Select(u => u.Id));
        Assert.Equal(4u, lab.Ring.Base);
        lab.Restart();
        Assert.Empty(lab.Receive());
    }

    // The ring no longer holds the descriptor of the first: the region does.
    [Fact]
    public void Packed_ChainsLeftInHand_AreTakenAgainFromTheRegion()
    {
        using var lab = new RingLab(RingLab.Packed, Size);
        using var region = new Region(lab);
        var queue = (PackedInflightQueue)lab.Driver.Inflight!;
        byte[] frame = RingLab.Frame(1, 60);
        ulong at = lab.Ram.Take(72);
        lab.Ram.Write(at + 12, frame);
        uint id = lab.Driver.Offer(new Piece(at, 20), new Piece(at + 20, 52));
        unsafe
        {
            queue.Recover(lab.Driver.Setup().Descriptors, Size, 0, true);
        }

        queue.Fetch(
        [
            new InflightDescriptor { Address = at, Length = 20, Id = (ushort)id, Flags = PackedDriver.Next | 0x80 },
            new InflightDescriptor { Address = at + 20, Length = 52, Id = (ushort)id, Flags = 0x80 },
        ]);
        lab.Ram.Ref<ulong>(lab.Driver.DescriptorsAddress) = 0;

        lab.Ring = lab.Driver.Start(0x8002_8000);
        byte[] next = RingLab.Frame(2, 70);
        lab.Driver.OfferFrame(next);
        byte[][] expected = [frame, next];
        Assert.Equal(expected, lab.Receive());
        Assert.Equal(id, lab.Driver.TakeAll()[0].Id);
        Assert.Equal(0x8003_8003u, lab.Ring.Base);
        lab.Restart();
        Assert.Empty(lab.Receive());
    }

    // More buffers in hand than a frame needs: those that are not used are done again by the next frame.
    [Fact]
    public void Split_BuffersLeftInHand_AreFilledFirst()
    {
        using var lab = new RingLab(RingLab.Split, Size);
        using var region = new Region(lab);
        var queue = (SplitInflightQueue)lab.Driver.Inflight!;
        uint[] heads = [.. Enumerable.Range(0, 3).Select(_ => lab.Driver.OfferBuffer(100, out ulong _))];
        queue.Recover(0, Size);
        queue.Fetch((ushort)heads[2]);
        queue.Fetch((ushort)heads[0]);
        queue.Fetch((ushort)heads[1]);

        lab.Ring = lab.Driver.Start(0);
        lab.Deliver(RingLab.Frame(1, 60));
        Assert.Equal(heads[2], Assert.Single(lab.Driver.TakeAll()).Id);
        Assert.Equal(2u, lab.Ring.Pending);
        lab.Restart();
        lab.Deliver(RingLab.Frame(1, 60), RingLab.Frame(1, 60), RingLab.Frame(1, 60));
        Assert.Equal([heads[0], heads[1]], lab.Driver.TakeAll().Select(u => u.Id));
        Assert.Equal(0u, lab.Ring.Pending);
    }

    /// <summary>A region for the lab's ring.</summary>
    private sealed class Region : IDisposable
    {
        private readonly InflightRegion _region;

        internal Region(RingLab lab)
        {
            _region = InflightRegion.Create(1, Size, lab.Driver.IsPacked);
            lab.Driver.Inflight = _region.Queue(0);
            lab.Restart();
        }

        public void Dispose() => _region.Dispose();
    }
}
