using Nf.DataPlane.Frames;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Rings;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Vhost.Rings;

// F12, F14, I01 to I04 and H07: what is sent to a guest stands in its buffers, in as many as it takes.
public class DeliverTests
{
    private const ulong Mergeable = VirtioFeatures.MergeableBuffers;

    // Features, length of the frame, lengths of the buffers offered, one descriptor each.
    public static TheoryData<ulong, int, uint[], uint[]> Merges
    {
        get
        {
            var data = new TheoryData<ulong, int, uint[], uint[]>();
            foreach (ulong kind in (ulong[])[RingLab.Split | Mergeable, RingLab.Packed | Mergeable])
            {
                data.Add(kind, 100, [200], [112]);
                data.Add(kind, 100, [112], [112]);
                data.Add(kind, 100, [111, 50], [111, 1]);
                data.Add(kind, 1000, [512, 500], [512, 500]);
                data.Add(kind, 1000, [512, 501, 99], [512, 500]);
                data.Add(kind, 65550, [65536, 100], [65536, 26]);
                data.Add(kind, 65550, [.. Enumerable.Repeat(4096u, 17)], [.. Enumerable.Repeat(4096u, 16), 26]);
                data.Add(kind, 60, [13, .. Enumerable.Repeat(1u, 59)], [13, .. Enumerable.Repeat(1u, 59)]);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Merges))]
    public void Enqueue_MergeableBuffers_FillsEachAndCountsThem(
        ulong features, int length, uint[] buffers, uint[] written)
    {
        using var lab = new RingLab(features);
        var addresses = new ulong[buffers.Length];
        var ids = new uint[buffers.Length];
        for (int i = 0; i < buffers.Length; i++)
        {
            ids[i] = lab.Driver.OfferBuffer(buffers[i], out addresses[i]);
        }

        byte[] frame = RingLab.Frame(length, length);
        Burst burst = lab.Deliver(frame);
        Assert.Equal((1u, (ulong)length, 0u), (burst.TxPackets, burst.TxBytes, burst.Dropped));
        List<Returned> used = lab.Driver.TakeAll();
        Assert.Equal(written.Select((bytes, i) => new Returned(ids[i], bytes)), used);
        byte[] all = [.. used.SelectMany((u, i) => lab.Ram.Read(addresses[i], u.Length))];
        Assert.Equal(frame, all[12..]);
        Assert.Equal(new byte[10], all[..10]);
        Assert.Equal(written.Length, BitConverter.ToUInt16(all, 10));
    }

    // Lengths of the descriptors of the one chain.
    public static TheoryData<ulong, uint[]> Chains
    {
        get
        {
            var data = new TheoryData<ulong, uint[]>();
            foreach (ulong kind in (ulong[])[RingLab.Split, RingLab.Packed, 0, RingLab.Split | Mergeable])
            {
                uint[] tiny = [.. Enumerable.Repeat(1u, 112)];
                foreach (uint[] shape in (uint[][])
                    [[1526], [112], [12, 1514], [10, 2, 100], [5, 5, 5, 200], tiny, [4, 0, 300]])
                {
                    data.Add(kind, shape);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Chains))]
    public void Enqueue_ChainOfAnyShape_HoldsHeaderAndFrame(ulong features, uint[] shape)
    {
        using var lab = new RingLab(features);
        byte[] frame = RingLab.Frame(1, 100);
        Piece[] pieces = [.. shape.Select(n => new Piece(lab.Ram.Take(n + 1, 1), n, Writable: true))];
        foreach (Piece piece in pieces)
        {
            lab.Ram.Write(piece.Address, [.. Enumerable.Repeat((byte)0xEE, (int)piece.Length)]);
        }

        uint id = lab.Driver.Offer(pieces);
        lab.Deliver(default, 3, frame);
        Assert.Equal(new Returned(id, lab.HeaderBytes + 100), Assert.Single(lab.Driver.TakeAll()));
        byte[] all = [.. pieces.SelectMany(p => lab.Ram.Read(p.Address, p.Length))];
        byte[] header = lab.HeaderBytes == 12 ? [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0] : new byte[10];
        Assert.Equal(header, all[..(int)lab.HeaderBytes]);
        Assert.Equal(frame, all[(int)lab.HeaderBytes..][..100]);
        Assert.All(all[((int)lab.HeaderBytes + 100)..], b => Assert.Equal(0xEE, b));
    }

    [Theory]
    [InlineData(RingLab.Split, DropReason.TooLarge)]
    [InlineData(RingLab.Packed, DropReason.TooLarge)]
    [InlineData(RingLab.Split | Mergeable, DropReason.NoGuestBuffer)]
    [InlineData(RingLab.Packed | Mergeable, DropReason.NoGuestBuffer)]
    public void Enqueue_TooLittleRoom_DropsTheFrameAndKeepsTheBuffers(ulong features, DropReason reason)
    {
        using var lab = new RingLab(features);
        uint id = lab.Driver.OfferBuffer(500, out ulong address);
        lab.Deliver(RingLab.Frame(1, 800));
        Assert.Equal((0u, 1u, 1u), (lab.Burst.TxPackets, lab.Burst.Dropped, lab.Drops(reason)));
        Assert.False(lab.Driver.HasUsed);

        byte[] small = RingLab.Frame(2, 400);
        lab.Deliver(small);
        Assert.Equal(new Returned(id, 412), Assert.Single(lab.Driver.TakeAll()));
        Assert.Equal(small, lab.Ram.Read(address + 12, 400));
    }

    // The second frame needs more buffers than there are; the third fits into what the second did not get.
    [Theory]
    [InlineData(RingLab.Split | Mergeable)]
    [InlineData(RingLab.Packed | Mergeable)]
    public void Enqueue_SecondFrameOfThreeFindsNoRoom_ThirdDoes(ulong features)
    {
        using var lab = new RingLab(features);
        for (int i = 0; i < 3; i++)
        {
            lab.Driver.OfferBuffer(200, out _);
        }

        lab.Deliver(RingLab.Frame(1, 150), RingLab.Frame(2, 900), RingLab.Frame(3, 300));
        Assert.Equal((2u, 1u, 3u), (lab.Burst.TxPackets, lab.Burst.Dropped, lab.Burst.TxDescriptors));
        Assert.Equal([162u, 200u, 112u], lab.Driver.TakeAll().Select(u => u.Length));
    }

    [Theory]
    [MemberData(nameof(RingKinds.Both), MemberType = typeof(RingKinds))]
    public void Enqueue_NoBuffers_DropsEach(ulong features)
    {
        using var lab = new RingLab(features);
        lab.Deliver(RingLab.Frame(1, 100), RingLab.Frame(2, 100));
        Assert.Equal(2u, lab.Drops(DropReason.NoGuestBuffer));
        lab.Ring.Notify();
        Assert.False(lab.WasCalled());
    }

    [Theory]
    [InlineData(RingLab.Split, 1)]
    [InlineData(RingLab.Split, 2)]
    [InlineData(RingLab.Split, 256)]
    [InlineData(RingLab.Packed, 1)]
    [InlineData(RingLab.Packed, 3)]
    [InlineData(RingLab.Packed, 255)]
    [InlineData(RingLab.Packed, 256)]
    public void Enqueue_ManyLaps_EveryFrameArrives(ulong features, uint size)
    {
        using var lab = new RingLab(features, size);
        ulong memory = lab.Ram.Take(size * 2048);
        var random = new Random(3);
        var offered = new Queue<ulong>();
        uint free = size;
        ulong next = 0;
        int delivered = 0;
        int rounds = (int)Math.Max(140_000 / size, 2000);
        for (int round = 0; round < rounds; round++)
        {
            uint offers = (uint)random.Next(1, (int)Math.Min(free, 64) + 1);
            for (uint i = 0; i < offers; i++)
            {
                ulong at = memory + (next++ % size * 2048);
                lab.Driver.Add([new Piece(at, 2048, Writable: true)]);
                offered.Enqueue(at);
            }

            lab.Driver.Publish();
            free -= offers;
            byte[][] frames = [.. Enumerable.Range(0, random.Next(1, (int)offers + 1))
                .Select(i => BitConverter.GetBytes((long)(delivered + i)).Concat(new byte[60]).ToArray())];
            Assert.Equal((uint)frames.Length, lab.Deliver(frames).TxPackets);
            foreach (Returned used in lab.Driver.TakeAll())
            {
                Assert.Equal(80u, used.Length);
                Assert.Equal(delivered++, BitConverter.ToInt64(lab.Ram.Read(offered.Dequeue() + 12, 8)));
                free++;
            }

            Assert.Equal(RingFault.None, lab.Ring.Fault);
        }

        Assert.True(delivered > rounds / 2);
    }

    // I03, I08: without the features there is no offload to write; with it the header says what is left to do.
    [Theory]
    [InlineData(RingLab.Split, 1)]
    [InlineData(RingLab.Packed, 3)]
    [InlineData(0, 1)]
    public void Enqueue_UnfinishedFrame_HeaderSaysSo(ulong features, int stretches)
    {
        using var lab = new RingLab(features);
        var offload = new FrameOffload
        {
            Flags = FrameOffload.NeedsChecksum,
            SegmentType = FrameOffload.SegmentTcp4,
            SegmentBytes = 1448,
            ChecksumStart = 34,
            ChecksumOffset = 16,
            HeaderBytesHint = 66,
        };
        lab.Driver.OfferBuffer(3000, out ulong first);
        lab.Driver.Offer(
            new Piece(lab.Ram.Take(3), 3, Writable: true), new Piece(lab.Ram.Take(3000), 3000, Writable: true));
        byte[] frame = RingLab.Frame(1, 2000);
        Assert.Equal(2u, lab.Deliver(offload, stretches, frame, frame).TxPackets);
        Assert.Equal([1, 1, 66, 0, 0xA8, 5, 34, 0, 16, 0], lab.Ram.Read(first, 10));
        Assert.Equal(frame, lab.Ram.Read(first + lab.HeaderBytes, 2000));
    }

    // A header that stands in the buffer already is not written again, one that differs in any byte is.
    [Theory]
    [MemberData(nameof(RingKinds.Both), MemberType = typeof(RingKinds))]
    public void Enqueue_HeaderOfAnyOldContent_IsRight(ulong features)
    {
        using var lab = new RingLab(features);
        for (int i = 0; i < 12; i++)
        {
            byte[] old = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
            old[i] ^= 0x5A;
            lab.Driver.OfferBuffer(200, out ulong address);
            lab.Ram.Write(address, old);
            lab.Deliver(RingLab.Frame(i, 100));
            Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], lab.Ram.Read(address, 12));
        }
    }
}
