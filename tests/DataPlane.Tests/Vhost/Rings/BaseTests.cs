using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Rings;

namespace Nf.DataPlane.Tests.Vhost.Rings;

// F11, H02, H09, J13: where a ring stands, in whatever form it is told, and that it goes on right there.
public unsafe class BaseTests
{
    // DPDK's virtio-user connects again with the ring that it had, and tells 0.
    [Fact]
    public void Start_BaseThatASplitRingContradicts_GoesOnAtItsUsedIndex()
    {
        using var lab = new RingLab(RingLab.Split, 256);
        for (int i = 0; i < 1000; i++)
        {
            lab.Driver.OfferFrame(RingLab.Frame(i, 60));
            Assert.Single(lab.Receive());
            lab.Driver.TakeAll();
        }

        lab.Driver.OfferFrame(RingLab.Frame(7, 60));
        lab.Ring = lab.Driver.Start(0);

        Assert.Equal([RingLab.Frame(7, 60)], lab.Receive());
        Assert.Equal(RingFault.None, lab.Ring.Fault);
        Assert.Equal(1001u, lab.Ring.Base);
    }

    [Theory]
    [InlineData(65535, 1)]
    [InlineData(65534, 2)]
    [InlineData(65500, 256)]
    [InlineData(32767, 256)]
    public void Split_IndexesNearTheirEnd_GoOnBehindIt(ushort from, uint size)
    {
        using var lab = new RingLab(RingLab.Split, size);
        lab.SplitSide.StartAt(from);
        lab.Ring = lab.Driver.Start(from);
        for (int i = 0; i < 100; i++)
        {
            byte[] frame = RingLab.Frame(i, 60);
            lab.Driver.OfferFrame(frame);
            Assert.Equal(frame, Assert.Single(lab.Receive()));
            Assert.Single(lab.Driver.TakeAll());
        }

        Assert.Equal((ushort)(from + 100), lab.Ring.Base);
        Assert.Equal(RingFault.None, lab.Ring.Fault);
    }

    // With single descriptors and with chains that cross the end of a packed ring.
    [Theory]
    [InlineData(RingLab.Split, 256)]
    [InlineData(RingLab.Packed, 256)]
    [InlineData(RingLab.Packed, 7)]
    [InlineData(RingLab.Packed, 3)]
    public void Base_StopAndStartAfterEachBurst_LosesAndRepeatsNothing(ulong features, uint size)
    {
        using var lab = new RingLab(features, size);
        ulong at = lab.Ram.Take(4096);
        var random = new Random(11);
        for (int i = 0; i < 3000; i++)
        {
            int pieces = random.Next(1, (int)Math.Min(size, 4));
            byte[] frame = RingLab.Frame(i, 200);
            lab.Ram.Write(at, [.. new byte[12], .. frame]);
            uint cut = 200 / (uint)pieces;
            lab.Driver.Offer([.. Enumerable.Range(0, pieces).Select(n => new Piece(
                at + ((uint)n * cut), n == pieces - 1 ? 212 - ((uint)n * cut) : cut))]);
            Assert.Equal(frame, Assert.Single(lab.Receive()));
            Assert.Single(lab.Driver.TakeAll());
            lab.Restart();
            Assert.Empty(lab.Receive());
        }
    }

    // Front-ends that keep one position only say 0 for the other.
    [Fact]
    public void Packed_BaseWithoutUsedHalf_MeansNothingIsInHand()
    {
        using var lab = new RingLab(RingLab.Packed, 16);
        for (int i = 0; i < 21; i++)
        {
            lab.Driver.OfferFrame(RingLab.Frame(i, 60));
            lab.Receive();
            lab.Driver.TakeAll();
        }

        Assert.Equal(0x0005_0005u, lab.Ring.Base);
        lab.Ring = lab.Driver.Start(0x0005);
        lab.Driver.OfferFrame(RingLab.Frame(77, 60));
        Assert.Equal(RingLab.Frame(77, 60), Assert.Single(lab.Receive()));
        Assert.Equal(0x0006_0006u, lab.Ring.Base);
        Assert.Single(lab.Driver.TakeAll());
    }

    [Theory]
    [InlineData(0x8010_8010u)]
    [InlineData(0x7FFF_0000u)]
    public void Packed_BaseOutsideTheRing_IsAFaultAndTouchesNothing(uint from)
    {
        using var lab = new RingLab(RingLab.Packed, 16);
        lab.Ring = lab.Driver.Start(from);
        Assert.Equal(RingFault.IndexAhead, lab.Ring.Fault);
        Assert.Empty(lab.Receive());
    }

    [Theory]
    [InlineData(RingLab.Split)]
    [InlineData(RingLab.Packed)]
    public void Pending_OffersAndBursts_AreCounted(ulong features)
    {
        using var lab = new RingLab(features, 16);
        foreach (int offers in (int[])[0, 1, 7, 16, 3])
        {
            for (int i = 0; i < offers; i++)
            {
                lab.Driver.OfferBuffer(100, out _);
            }

            Assert.Equal((uint)offers, lab.Ring.Pending);
            lab.Deliver([.. Enumerable.Repeat(RingLab.Frame(1, 60), offers)]);
            Assert.Equal(0u, lab.Ring.Pending);
            lab.Driver.TakeAll();
        }
    }

    // A life that dies with frames in hand: the next one takes them again.
    [Theory]
    [InlineData(RingLab.Split)]
    [InlineData(RingLab.Packed)]
    [InlineData(RingLab.Packed | VirtioFeatures.InOrder)]
    public void RecoverBase_FramesInHandAtTheEnd_AreTakenAgain(ulong features)
    {
        using var lab = new RingLab(features, 16);
        for (int i = 0; i < 37; i++)
        {
            lab.Driver.OfferFrame(RingLab.Frame(i, 60));
            lab.Driver.OfferFrame(RingLab.Frame(i, 61));
            lab.Dequeue();
            Assert.Equal(2u, lab.Batch.Count);
            if (i % 3 == 0)
            {
                lab.Ring.Complete();
            }

            lab.Ring = lab.Driver.Start(Virtqueue.RecoverBase(lab.Driver.Setup()));
            Assert.Equal(i % 3 == 0 ? 0 : 2, lab.Receive().Count);
            Assert.Equal(2, lab.Driver.TakeAll().Count);
        }
    }

    // A packed burst that died between the first and the last store of its publication: the flags of its first
    // descriptor decide.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RecoverBase_PackedPublicationBrokenOff_DependsOnTheFirstDescriptor(bool isCommitted)
    {
        using var lab = new RingLab(RingLab.Packed, 8);
        for (int i = 0; i < 11; i++)
        {
            lab.Driver.OfferFrame(RingLab.Frame(i, 60));
            lab.Driver.OfferFrame(RingLab.Frame(i, 60));
            uint before = lab.Ring.Base;
            byte[] ring = lab.Ram.Read(lab.Driver.DescriptorsAddress, 16 * 8);
            Assert.Equal(2, lab.Receive().Count);
            uint after = lab.Ring.Base;

            // As it is when the last store but one was reached: or none of those into the ring.
            lab.Driver.Record->Open = 1;
            lab.Driver.Record->TargetBase = after;
            lab.Driver.Record->Base = before;
            if (!isCommitted)
            {
                lab.Ram.Write(lab.Driver.DescriptorsAddress, ring);
            }

            uint from = Virtqueue.RecoverBase(lab.Driver.Setup());
            Assert.Equal(isCommitted ? after : before, from);
            lab.Ring = lab.Driver.Start(from);
            Assert.Equal(isCommitted ? 0 : 2, lab.Receive().Count);
            Assert.Equal(2, lab.Driver.TakeAll().Count);
        }
    }
}
