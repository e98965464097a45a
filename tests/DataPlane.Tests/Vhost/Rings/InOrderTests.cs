using Nf.DataPlane.Vhost;

namespace Nf.DataPlane.Tests.Vhost.Rings;

// F15: with VIRTIO_F_IN_ORDER a packed ring may give back a burst by its last buffer alone (virtio 1.3, 2.8.11); what
// was written into buffers has a length each, and cannot.
public unsafe class InOrderTests
{
    private const int Burst = 8;
    private const ushort Used = 0x8080; // both flags of a used descriptor in the first lap

    [Theory]
    [InlineData(RingLab.Packed | VirtioFeatures.InOrder, 1)]
    [InlineData(RingLab.Packed, Burst)]
    public void Dequeue_ABurst_IsGivenBackByAsManyDescriptors(ulong features, int written)
    {
        using var lab = new RingLab(features, 16);
        uint last = 0;
        for (int i = 0; i < Burst; i++)
        {
            last = lab.Driver.OfferFrame(RingLab.Frame(i, 60));
        }

        Assert.Equal(Burst, lab.Receive().Count);

        Assert.Equal(written, Enumerable.Range(0, Burst).Count(i => IsUsed(lab, i)));
        if (written == 1)
        {
            Assert.True(IsUsed(lab, 0));
            Assert.Equal(last, lab.Ram.Ref<ushort>(lab.Driver.DescriptorsAddress + 12));
        }

        Assert.Equal(Burst, lab.Driver.TakeAll().Count);
    }

    [Theory]
    [InlineData(RingLab.Packed | VirtioFeatures.InOrder)]
    [InlineData(RingLab.Split | VirtioFeatures.InOrder)]
    public void Enqueue_ABurst_TellsTheLengthOfEachInOrder(ulong features)
    {
        using var lab = new RingLab(features, 16);
        var ids = new List<uint>();
        for (int i = 0; i < Burst; i++)
        {
            ids.Add(lab.Driver.OfferBuffer(2000, out _));
        }

        byte[][] frames = [.. Enumerable.Range(0, Burst).Select(i => RingLab.Frame(i, 60 + i))];
        Assert.Equal((uint)Burst, lab.Deliver(frames).TxPackets);

        List<Returned> used = lab.Driver.TakeAll();
        Assert.Equal(ids, used.Select(u => u.Id));
        Assert.Equal(frames.Select(f => lab.HeaderBytes + (uint)f.Length), used.Select(u => u.Length));
    }

    private static bool IsUsed(RingLab lab, int position) =>
        (lab.Ram.Ref<ushort>(lab.Driver.DescriptorsAddress + (16 * (ulong)position) + 14) & Used) == Used;
}
