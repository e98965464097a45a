using Nf.DataPlane.Tests.Vhost.Rings;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Rings;

namespace Nf.DataPlane.Tests.Vhost.Memory;

/// <summary>D18: a front-end takes its memory away while its rings run. It loses them; nobody else loses
/// anything.</summary>
public class LostMemoryTests
{
    private const ulong Megabyte = 1 << 20;

    // Which of two regions goes: the one with the rings, or the one with the packets only.
    public static TheoryData<ulong, int> Losses
    {
        get
        {
            var data = new TheoryData<ulong, int>();
            foreach (ulong kind in (ulong[])[RingLab.Split, RingLab.Packed])
            {
                data.Add(kind, 0);
                data.Add(kind, 1);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void Dequeue_MemoryGone_RingIsGivenUpAndItsNeighbourIsNot(ulong features, int region)
    {
        using RingLab lab = Offering(features);
        using RingLab neighbour = Offering(features);
        lab.Ram.Shrink(region);
        RunUntilGivenUp(lab);
        Assert.Equal(RingFault.MemoryLost, lab.Ring.Fault);
        Assert.True(lab.Ram.Memory.IsLost);
        Assert.Equal(0u, lab.Ring.Pending);
        Assert.False(neighbour.Ram.Memory.IsLost);

        // A ring may wait a few looks for more.
        Assert.Equal(100, Enumerable.Range(0, 1000).Sum(_ => neighbour.Receive().Count));
        Assert.Equal(RingFault.None, neighbour.Ring.Fault);
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void Enqueue_MemoryGone_FramesAreDroppedAndCounted(ulong features, int region)
    {
        using var lab = new RingLab(features | VirtioFeatures.MergeableBuffers, 256, Megabyte, Megabyte);
        TakeRest(lab);
        for (int i = 0; i < 20; i++)
        {
            lab.Driver.OfferBuffer(2048, out _);
        }

        lab.Ram.Shrink(region);
        byte[] frame = RingLab.Frame(1, 1000);
        uint drops = 0;
        for (int i = 0; i < 5; i++)
        {
            lab.Deliver(frame);
            lab.Ring.Notify();
            drops += lab.Burst.Dropped;
        }

        Assert.Equal(RingFault.MemoryLost, lab.Ring.Fault);
        Assert.InRange(drops, 3u, 5u);
        Assert.Equal(1u, lab.Burst.Dropped);
    }

    // At whatever moment it goes, under a collector that stops every thread again and again.
    [Theory]
    [MemberData(nameof(RingKinds.Both), MemberType = typeof(RingKinds))]
    public void Run_MemoryGoesAtAnyMoment_ProcessLives(ulong features)
    {
        using var stop = new CancellationTokenSource();
        var collector = new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                GC.Collect();
            }
        });
        collector.Start();
        var random = new Random(3);
        for (int round = 0; round < 40; round++)
        {
            using RingLab lab = Offering(features);
            int spins = random.Next(20_000);
            int region = round % 2;
            var peer = new Thread(() =>
            {
                Thread.SpinWait(spins);
                lab.Ram.Shrink(region, 4096 * (spins % 4));
                lab.Ram.Shrink(region);
            });
            peer.Start();
            while (peer.IsAlive)
            {
                Step(lab);
            }

            peer.Join();
            RunUntilGivenUp(lab);
            Assert.Equal(lab.Ram.Memory.IsLost ? RingFault.MemoryLost : RingFault.None, lab.Ring.Fault);
            Assert.True(region == 1 || lab.Ram.Memory.IsLost, "the ring went on without its memory");
        }

        stop.Cancel();
        collector.Join();
    }

    // A ring in the first region, and a hundred frames in the second.
    private static RingLab Offering(ulong features)
    {
        var lab = new RingLab(features, 256, Megabyte, Megabyte);
        TakeRest(lab);
        for (int i = 0; i < 100; i++)
        {
            byte[] frame = RingLab.Frame(i, 1000);
            ulong at = lab.Ram.Take(2048);
            lab.Ram.Write(at + 12, frame);
            lab.Driver.Add([new Piece(at, 1012)]);
        }

        lab.Driver.Publish();
        return lab;
    }

    // What is taken next lies in the second region.
    private static void TakeRest(RingLab lab)
    {
        ulong next = lab.Ram.Take(1);
        lab.Ram.Take(GuestRam.Start + Megabyte - next - 1, 1);
    }

    private static void Step(RingLab lab)
    {
        lab.Dequeue(8);
        for (uint i = 0; i < lab.Batch.Count; i++)
        {
            lab.Bytes(i);
        }

        lab.Ring.Complete();
        lab.Ring.Notify();
        lab.Ring.EnableKicks();
        lab.Ring.DisableKicks();
    }

    private static void RunUntilGivenUp(RingLab lab)
    {
        for (int i = 0; i < 100 && lab.Ring.Fault == RingFault.None; i++)
        {
            Step(lab);
        }
    }
}
