using Nf.DataPlane.Tests.Vhost.Rings;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Rings;

namespace Nf.DataPlane.Tests.Vhost.Memory;

/// <summary>D18: a front-end takes its memory away while its rings run. It loses them; nobody else loses
/// anything.</summary>
public class LostMemoryTests
{
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
        using RingLab lab = LostMemory.Offering(features);
        using RingLab neighbour = LostMemory.Offering(features);
        lab.Ram.Shrink(region);
        LostMemory.RunUntilGivenUp(lab);
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
        using var lab = new RingLab(
            features | VirtioFeatures.MergeableBuffers, 256, LostMemory.Megabyte, LostMemory.Megabyte);
        LostMemory.TakeRest(lab);
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
}
