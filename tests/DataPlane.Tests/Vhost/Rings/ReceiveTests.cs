using Nf.DataPlane.Vhost.Rings;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Vhost.Rings;

// F01, F12, I05 and the like: what a guest sends arrives, whatever chains it is put into.
public unsafe class ReceiveTests
{
    // Lengths of the descriptors of one chain; 0 at the end stands for the rest.
    public static TheoryData<ulong, uint[]> Shapes
    {
        get
        {
            var data = new TheoryData<ulong, uint[]>();
            uint[][] shapes =
            [
                [0], [12, 0], [10, 0], [5, 5, 5, 0], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0], [13, 0], [12, 1, 1, 0],
                [12, 14, 46], [4, 0, 4, 4, 0], [.. Enumerable.Repeat(1u, 72)],
            ];
            foreach (ulong kind in (ulong[])[RingLab.Split, RingLab.Packed, 0])
            {
                foreach (uint[] shape in shapes)
                {
                    data.Add(kind, shape);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Dequeue_ChainOfAnyShape_YieldsTheFrame(ulong features, uint[] shape)
    {
        using var lab = new RingLab(features);
        byte[] frame = RingLab.Frame(1, 60);
        for (int round = 0; round < 20; round++)
        {
            uint id = lab.Driver.Offer(Cut(lab, frame, shape));
            Assert.Equal(frame, Assert.Single(lab.Receive()));
            Assert.Equal(new Returned(id, 0), Assert.Single(lab.Driver.TakeAll()));
            Assert.Equal((1u, 60ul, 0u), (lab.Burst.RxPackets, lab.Burst.RxBytes, lab.Burst.Dropped));
        }
    }

    [Theory]
    [MemberData(nameof(RingKinds.Both), MemberType = typeof(RingKinds))]
    public void Dequeue_ManyFramesOverManyLaps_YieldsEachOnceInOrder(ulong features)
    {
        using var lab = new RingLab(features, 64);
        var random = new Random(7);
        ulong memory = lab.Ram.Take(64 * 2048);
        int sent = 0;
        int seen = 0;
        while (seen < 5000)
        {
            int count = random.Next(1, 40);
            for (int i = 0; i < count; i++, sent++)
            {
                byte[] frame = RingLab.Frame(sent, 14 + (sent * 7 % 1500));
                ulong at = memory + (uint)(sent % 64 * 2048);
                lab.Ram.Write(at, new byte[12]);
                lab.Ram.Write(at + 12, frame);
                lab.Driver.Add([new Piece(at, 12 + (uint)frame.Length)]);
            }

            lab.Driver.Publish();
            foreach (byte[] frame in lab.Receive())
            {
                Assert.Equal(RingLab.Frame(seen, 14 + (seen * 7 % 1500)), frame);
                seen++;
            }

            Assert.Equal(sent, seen);
            Assert.Equal(count, lab.Driver.TakeAll().Count);
        }
    }

    [Theory]
    [InlineData(0, DropReason.TooShort)]
    [InlineData(11, DropReason.TooShort)]
    [InlineData(12, DropReason.TooShort)]
    [InlineData(25, DropReason.TooShort)]
    [InlineData(65563, DropReason.TooLarge)]
    [InlineData(200000, DropReason.TooLarge)]
    public void Dequeue_LengthThatNoFrameHas_IsDroppedAndGivenBack(uint length, DropReason reason)
    {
        foreach (ulong features in (ulong[])[RingLab.Split, RingLab.Packed])
        {
            using var lab = new RingLab(features);
            lab.Driver.Offer(new Piece(lab.Ram.Take(length + 1), length));
            byte[] good = RingLab.Frame(2, 100);
            lab.Driver.OfferFrame(good);
            Assert.Equal(good, Assert.Single(lab.Receive()));
            Assert.Equal(2, lab.Driver.TakeAll().Count);
            Assert.Equal((2u, 1u, 1u), (lab.Burst.RxPackets, lab.Burst.Dropped, lab.Drops(reason)));
        }
    }

    [Theory]
    [MemberData(nameof(RingKinds.Both), MemberType = typeof(RingKinds))]
    public void Dequeue_LargestAndSmallestFrame_Arrive(ulong features)
    {
        using var lab = new RingLab(features);
        foreach (uint length in (uint[])[14, 65550])
        {
            byte[] frame = RingLab.Frame(3, (int)length);
            lab.Driver.OfferFrame(frame);
            Assert.Equal(frame, Assert.Single(lab.Receive()));
        }
    }

    [Theory]
    [MemberData(nameof(RingKinds.Both), MemberType = typeof(RingKinds))]
    public void Dequeue_WritableTail_IsLeftAlone(ulong features)
    {
        using var lab = new RingLab(features);
        ulong at = lab.Ram.Take(200);
        lab.Ram.Write(at + 100, [1, 2, 3]);
        lab.Driver.Offer(new Piece(at, 100), new Piece(at + 100, 50, Writable: true));
        Assert.Equal(88, Assert.Single(lab.Receive()).Length);
        Assert.Equal(0u, Assert.Single(lab.Driver.TakeAll()).Length);
        Assert.Equal([1, 2, 3], lab.Ram.Read(at + 100, 3));
    }

    [Theory]
    [MemberData(nameof(RingKinds.Both), MemberType = typeof(RingKinds))]
    public void Dequeue_Nothing_TouchesNothing(ulong features)
    {
        using var lab = new RingLab(features);
        Assert.Empty(lab.Receive());
        Assert.False(lab.Driver.HasUsed);
        Assert.Equal(RingFault.None, lab.Ring.Fault);
    }

    [Theory]
    [MemberData(nameof(RingKinds.Both), MemberType = typeof(RingKinds))]
    public void Dequeue_MoreThanMax_LeavesTheRest(ulong features)
    {
        using var lab = new RingLab(features);
        for (int i = 0; i < 10; i++)
        {
            lab.Driver.OfferFrame(RingLab.Frame(i, 60));
        }

        lab.Dequeue(4);
        Assert.Equal(4u, lab.Batch.Count);
        Assert.False(lab.Driver.HasUsed);
        lab.Ring.Complete();
        Assert.Equal(4, lab.Driver.TakeAll().Count);
        Assert.Equal(6u, lab.Ring.Pending);
        Assert.Equal(6, lab.Receive().Count);
    }

    // A frame of very many stretches waits for a batch of its own; one of too many is a bad chain.
    [Theory]
    [InlineData(RingLab.Split)]
    [InlineData(RingLab.Packed)]
    public void Dequeue_FrameOfManyStretches_FitsABatchOrIsRefused(ulong features)
    {
        using var lab = new RingLab(features, 8192);
        uint[] many = [12, .. Enumerable.Repeat(1u, 1500)];
        byte[] frame = RingLab.Frame(4, 1500);
        lab.Driver.Offer(Cut(lab, frame, many));
        lab.Driver.Offer(Cut(lab, frame, many));
        lab.Driver.Offer(Cut(lab, RingLab.Frame(5, 3000), [12, .. Enumerable.Repeat(1u, 3000)]));
        lab.Driver.OfferFrame(frame);
        Assert.Equal(frame, Assert.Single(lab.Receive()));
        List<byte[]> rest = lab.Receive();
        Assert.Equal([frame, frame], rest);
        Assert.Equal(1u, lab.Drops(DropReason.BadChain));
        Assert.Equal(1ul, lab.Ring.BadChains);
        Assert.Equal(4, lab.Driver.TakeAll().Count);
    }

    // Pieces that hold a header of zeroes and the frame; a length of 0 that is not the last is an empty descriptor.
    private static Piece[] Cut(RingLab lab, byte[] frame, uint[] shape)
    {
        byte[] all = [.. new byte[lab.HeaderBytes], .. frame];
        uint at = 0;
        var pieces = new Piece[shape.Length];
        for (int i = 0; i < shape.Length; i++)
        {
            bool isLast = i == shape.Length - 1;
            uint length = isLast ? (uint)all.Length - at : Math.Min(shape[i], (uint)all.Length - at);
            ulong address = lab.Ram.Take(length + 1, 1);
            lab.Ram.Write(address, all.AsSpan((int)at, (int)length));
            pieces[i] = new Piece(address, length);
            at += length;
        }

        return pieces;
    }
}
