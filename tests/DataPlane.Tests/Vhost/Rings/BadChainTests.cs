using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Rings;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Vhost.Rings;

// F02 to F10, H05, H10: a chain that breaks a rule goes back unused; a ring that cannot be true is left alone.
public class BadChainTests
{
    private const ulong Indirect = VirtioFeatures.IndirectDescriptors;

    public static TheoryData<string, ulong, uint> BadBuffers => new()
    {
        { "address 0", 0, 100 },
        { "before the first region", GuestRam.Start - 50, 100 },
        { "at the end", GuestRam.Start + (4 << 20), 100 },
        { "one byte over the end", GuestRam.Start + (4 << 20) - 99, 100 },
        { "last address there is", ulong.MaxValue, 1 },
        { "wraps to 0", ulong.MaxValue - 50, 100 },
        { "wraps into memory", ulong.MaxValue - 0xFFFF, uint.MaxValue },
        { "longer than memory", GuestRam.Start, uint.MaxValue },
    };

    [Theory]
    [MemberData(nameof(BadBuffers))]
    public void Dequeue_BufferOutsideMemory_GoesBackUnused(string what, ulong address, uint length)
    {
        foreach (ulong features in (ulong[])[RingLab.Split, RingLab.Packed])
        {
            using var lab = new RingLab(features);
            lab.Driver.Offer(new Piece(address, length));
            lab.Driver.Offer(new Piece(lab.Ram.Take(100), 100), new Piece(address, length));
            byte[] good = RingLab.Frame(1, 80);
            lab.Driver.OfferFrame(good);
            Assert.Equal(good, Assert.Single(lab.Receive()));
            Assert.Equal(3, lab.Driver.TakeAll().Count(u => u.Length == 0));
            Assert.True(lab.Ring.BadChains == 2 && lab.Drops(DropReason.BadChain) == 2, what);
            Assert.Equal(RingFault.None, lab.Ring.Fault);
        }
    }

    [Theory]
    [MemberData(nameof(BadBuffers))]
    public void Enqueue_BufferOutsideMemory_GoesBackUnusedAndTheNextIsTaken(string what, ulong address, uint length)
    {
        foreach (ulong features in (ulong[])
            [RingLab.Split, RingLab.Packed, RingLab.Split | VirtioFeatures.MergeableBuffers])
        {
            using var lab = new RingLab(features);
            lab.Driver.Offer(new Piece(address, length, Writable: true));
            lab.Driver.OfferBuffer(2000, out ulong at);
            byte[] frame = RingLab.Frame(1, 80);
            Assert.Equal(1u, lab.Deliver(frame).TxPackets);
            Assert.Equal([0u, 92u], lab.Driver.TakeAll().Select(u => u.Length));
            Assert.Equal(frame, lab.Ram.Read(at + 12, 80));
            Assert.True(lab.Ring.BadChains == 1, what);
        }
    }

    // The buffers before the bad one cannot stay: the driver would take them for the frame's.
    [Theory]
    [InlineData(RingLab.Split | VirtioFeatures.MergeableBuffers)]
    [InlineData(RingLab.Packed | VirtioFeatures.MergeableBuffers)]
    public void Enqueue_BadChainAmongThoseOfAFrame_AllGoBackAndTheFrameBeginsAgain(ulong features)
    {
        using var lab = new RingLab(features);
        lab.Driver.OfferBuffer(100, out _);
        lab.Driver.Offer(new Piece(0, 100, Writable: true));
        lab.Driver.OfferBuffer(100, out ulong first);
        lab.Driver.OfferBuffer(100, out ulong second);
        byte[] frame = RingLab.Frame(1, 150);
        lab.Deliver(frame);
        Assert.Equal([0u, 0u, 100u, 62u], lab.Driver.TakeAll().Select(u => u.Length));
        byte[] there = [.. lab.Ram.Read(first + 12, 88), .. lab.Ram.Read(second, 62)];
        Assert.Equal(frame, there);
        Assert.Equal(2, lab.Ram.Ref<ushort>(first + 10));
    }

    [Theory]
    [MemberData(nameof(RingKinds.Both), MemberType = typeof(RingKinds))]
    public void Dequeue_WritableBeforeReadable_IsRefused(ulong features)
    {
        using var lab = new RingLab(features);
        ulong at = lab.Ram.Take(400);
        lab.Driver.Offer(new Piece(at, 100, Writable: true), new Piece(at + 100, 100));
        lab.Driver.Offer(new Piece(at, 100), new Piece(at + 100, 100, Writable: true), new Piece(at + 200, 100));
        Assert.Empty(lab.Receive());
        Assert.Equal(2, lab.Driver.TakeAll().Count);
        Assert.Equal(2ul, lab.Ring.BadChains);
    }

    [Theory]
    [InlineData(RingLab.Split)]
    [InlineData(RingLab.Packed)]
    public void Enqueue_OnlyReadable_GoesBackUnused(ulong features)
    {
        using var lab = new RingLab(features);
        lab.Driver.Offer(new Piece(lab.Ram.Take(2000), 2000));
        lab.Deliver(RingLab.Frame(1, 100));
        Assert.Equal(0u, Assert.Single(lab.Driver.TakeAll()).Length);
        Assert.Equal((1ul, 1u), (lab.Ring.BadChains, lab.Drops(DropReason.NoGuestBuffer)));
    }

    // F03 and others: what the driver writes, and what the ring is then.
    public static TheoryData<string, ushort, ushort, ushort, int> Structures => new()
    {
        // Fault, head, flags and next of descriptor 5, how far the index is ahead.
        { nameof(RingFault.HeadOutOfRange), 256, 0, 0, 1 },
        { nameof(RingFault.HeadOutOfRange), 65535, 0, 0, 1 },
        { nameof(RingFault.IndexAhead), 5, 0, 0, 257 },
        { nameof(RingFault.IndexAhead), 5, 0, 0, 65535 },
        { nameof(RingFault.NextOutOfRange), 5, SplitDriver.Next, 256, 1 },
        { nameof(RingFault.NextOutOfRange), 5, SplitDriver.Next, 65535, 1 },
        { nameof(RingFault.ChainLoops), 5, SplitDriver.Next, 5, 1 },
        { nameof(RingFault.ChainLoops), 5, SplitDriver.Next, 6, 1 },
        { nameof(RingFault.None), 255, 0, 0, 1 },
    };

    [Theory]
    [MemberData(nameof(Structures))]
    public void Split_RingThatCannotBeTrue_IsLeftAlone(string fault, ushort head, ushort flags, ushort next, int ahead)
    {
        foreach (bool receives in (bool[])[true, false])
        {
            using var lab = new RingLab(RingLab.Split);
            SplitDriver driver = lab.SplitSide;
            ulong at = lab.Ram.Take(200);
            ushort direction = receives ? SplitDriver.Write : (ushort)0;
            driver.Describe(5, at, 200, (ushort)(flags | direction), next);
            driver.Describe(6, at, 0, (ushort)(SplitDriver.Next | direction), 5);
            driver.Describe(255, at, 200, direction, 0);
            driver.Slot(0) = head;
            driver.AvailableIndex = (ushort)ahead;
            Look(lab, receives);
            Assert.Equal(fault, lab.Ring.Fault.ToString());
            Assert.Equal(fault == nameof(RingFault.None) ? 1 : 0, driver.UsedIndex);
            if (fault != nameof(RingFault.None))
            {
                AssertLeftAlone(lab, receives);
            }
        }
    }

    [Fact]
    public void Split_ChainOfEveryDescriptor_IsTaken()
    {
        using var lab = new RingLab(RingLab.Split, 64);
        Piece[] pieces = [.. Enumerable.Range(0, 64).Select(_ => new Piece(lab.Ram.Take(8), 8))];
        lab.Driver.Offer(pieces);
        Assert.Equal((64 * 8) - 12, Assert.Single(lab.Receive()).Length);
    }

    // F05: they name nothing, but they count.
    [Fact]
    public void Split_LoopOfEmptyDescriptors_Ends()
    {
        using var lab = new RingLab(RingLab.Split);
        lab.SplitSide.Describe(0, 0, 0, SplitDriver.Next, 1);
        lab.SplitSide.Describe(1, 0, 0, SplitDriver.Next, 0);
        lab.SplitSide.OfferHead(0);
        Assert.Empty(lab.Receive());
        Assert.Equal(RingFault.ChainLoops, lab.Ring.Fault);
    }

    // What came before the broken entry is not lost, neither to us nor to the driver.
    [Fact]
    public void Split_GoodFramesBeforeABrokenEntry_AreTakenAndGivenBack()
    {
        using var lab = new RingLab(RingLab.Split);
        lab.Driver.OfferFrame(RingLab.Frame(1, 60));
        lab.Driver.OfferFrame(RingLab.Frame(2, 60));
        lab.SplitSide.OfferHead(999);
        Assert.Equal(2, lab.Receive().Count);
        Assert.Equal(2, lab.Driver.TakeAll().Count);
        Assert.Empty(lab.Receive());
        Assert.Equal(RingFault.HeadOutOfRange, lab.Ring.Fault);
    }

    [Fact]
    public void Split_GoodBuffersBeforeABrokenEntry_AreFilledAndShown()
    {
        using var lab = new RingLab(RingLab.Split);
        lab.Driver.OfferBuffer(200, out _);
        lab.SplitSide.OfferHead(999);
        lab.Deliver(RingLab.Frame(1, 60), RingLab.Frame(2, 60), RingLab.Frame(3, 60));
        Assert.Equal((1u, 2u), (lab.Burst.TxPackets, lab.Burst.Dropped));
        Assert.Single(lab.Driver.TakeAll());
        Assert.Equal(RingFault.HeadOutOfRange, lab.Ring.Fault);
        AssertLeftAlone(lab, receives: true);
    }

    // H10: every descriptor says that the chain goes on.
    [Fact]
    public void Packed_ChainWithoutEnd_BreaksTheRing()
    {
        using var lab = new RingLab(RingLab.Packed, 16);
        ulong at = lab.Ram.Take(100);
        for (uint i = 0; i < 16; i++)
        {
            lab.PackedSide.Describe(i, at, 4, (ushort)i, PackedDriver.Avail | PackedDriver.Next);
        }

        Assert.Empty(lab.Receive());
        Assert.Equal(RingFault.ChainLoops, lab.Ring.Fault);
        AssertLeftAlone(lab, receives: false);
    }

    private static void Look(RingLab lab, bool receives)
    {
        if (receives)
        {
            lab.Deliver(RingLab.Frame(1, 60));
        }
        else
        {
            lab.Receive();
        }

        lab.Ring.Notify();
    }

    // Neither the ring nor the descriptor behind it changes any more, whatever is called.
    private static void AssertLeftAlone(RingLab lab, bool receives)
    {
        lab.Driver.OfferBuffer(100, out ulong buffer);
        ulong from = lab.Driver.DescriptorsAddress;
        byte[] before = lab.Ram.Read(from, (uint)(buffer + 100 - from));
        lab.WasCalled();
        Look(lab, receives);
        Assert.True(lab.Ring.EnableKicks());
        lab.Ring.DisableKicks();
        Assert.Equal(before, lab.Ram.Read(from, (uint)before.Length));
        Assert.False(lab.WasCalled());
        Assert.Equal(0u, lab.Ring.Pending);
    }
}
