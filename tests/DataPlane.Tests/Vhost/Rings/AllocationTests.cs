using Nf.DataPlane.Frames;
using Nf.DataPlane.Vhost;

namespace Nf.DataPlane.Tests.Vhost.Rings;

// M01, M03: the rings allocate nothing, and look at the driver's index once for a burst.
public unsafe class AllocationTests
{
    private const int Packets = 1_000_000;

    // Features, descriptors per chain, whether a dirty log is written.
    [Theory]
    [InlineData(RingLab.Split, 1)]
    [InlineData(RingLab.Split | VirtioFeatures.EventIndex, 3)]
    [InlineData(RingLab.Packed, 1)]
    [InlineData(RingLab.Packed | VirtioFeatures.InOrder, 1)]
    [InlineData(RingLab.Packed | VirtioFeatures.EventIndex, 3)]
    [InlineData(RingLab.Split | VirtioFeatures.MergeableBuffers, 1)]
    public void Bursts_AMillionPackets_AllocateNothing(ulong features, int pieces)
    {
        using var lab = new RingLab(features, 256);
        lab.Driver.SuppressCalls();
        byte* memory = (byte*)lab.Ram.At(lab.Ram.Take(4096));
        ulong at = lab.Ram.Take(4096);
        Piece[] chain = [.. Enumerable.Range(0, pieces).Select(i => new Piece(at + (uint)(100 * i), 100))];
        Piece[] room = [.. chain.Select(p => p with { Writable = true })];
        long allocated = 0;
        ulong received = 0;
        for (int done = 0; done < Packets; done += 128)
        {
            Offer(lab, chain);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Burst burst = default;
            lab.Batch.Clear();
            while (burst.RxPackets == 0)
            {
                // It stays behind a driver that sends full bursts, for a while.
                lab.Ring.Dequeue(lab.Batch, 64, ref burst);
            }

            lab.Ring.Complete();
            lab.Ring.Notify();
            long after = GC.GetAllocatedBytesForCurrentThread();
            allocated += done == 0 ? 0 : after - before;
            received += burst.RxPackets;
            Take(lab);

            Offer(lab, room);
            Prepare(lab.Batch, memory);
            before = GC.GetAllocatedBytesForCurrentThread();
            lab.Ring.Enqueue(FrameSelection.All(lab.Batch), ref burst);
            lab.Ring.Notify();
            lab.Ring.EnableKicks();
            lab.Ring.DisableKicks();
            after = GC.GetAllocatedBytesForCurrentThread();
            allocated += done == 0 ? 0 : after - before;
            received += burst.TxPackets;
            Take(lab);
        }

        Assert.Equal(0, allocated);
        Assert.True(received >= Packets, $"{received} packets");
    }

    private static void Prepare(FrameBatch batch, byte* memory)
    {
        batch.Clear();
        for (; batch.Count < 64; batch.Count++)
        {
            batch.Frames[batch.Count] = new Frame { First = new FrameSpan { Data = memory, Length = 64 }, Length = 64 };
        }
    }

    private static void Offer(RingLab lab, Piece[] chain)
    {
        for (int i = 0; i < 64; i++)
        {
            lab.Driver.Add(chain);
        }

        lab.Driver.Publish();
    }

    private static void Take(RingLab lab)
    {
        int count = 0;
        while (lab.Driver.TryTake(out _))
        {
            count++;
        }

        Assert.Equal(64, count);
    }
}
