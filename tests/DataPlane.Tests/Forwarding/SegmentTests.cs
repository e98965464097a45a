using Nf.DataPlane.Forwarding;
using Nf.DataPlane.Lab;
using Nf.DataPlane.Tests.Ports;
using Nf.Linux;
using Nf.SharedMemory.Segments;
using static Nf.Linux.IfXdp;

namespace Nf.DataPlane.Tests.Forwarding;

// Scatter-gather: frames of several chunks, moved or copied, but always whole.
public unsafe class SegmentTests
{
    private const int SegmentBytes = 2048 - 256;

    // Whole frames of five chunks in a burst, which ends inside of one more.
    private const uint FramesOfFive = Forwarder.BurstMax / 5;

    private static readonly LabPort Jumbo = new(0, 1, SegmentsMax: 18, FrameBytesMax: 64000);

    public static TheoryData<int, int> Lengths => new()
    {
        { 14, 1 }, { SegmentBytes, 1 }, { SegmentBytes + 1, 2 }, { 5000, 3 }, { 9018, 6 }, { 18 * SegmentBytes, 18 },
    };

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Segments_SameUmem_ArriveWhole(int length, int segments)
    {
        using Rig rig = SameUmem();
        rig.Receive(0, LabFrame.Make(1, length), LabFrame.Make(2, 60));
        rig.Round();
        Assert.Equal((uint)segments + 1, rig.Life.Ports[1].Tx.Level);
        rig.Settle();
        Assert.Equal([LabFrame.Make(1, length), LabFrame.Make(2, 60)], rig.Sent[1]);
        Assert.Equal(2u, rig.Traffic(0).RxPackets);
        rig.CheckSums();
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Segments_CopiedIntoOtherChunks_ArriveWhole(int length, int segments)
    {
        Assert.True(segments > 0);
        foreach (LabUmem to in new LabUmem[] { new(256), new(256, 4096), new(256, 2600, 0, true, 24) })
        {
            using var rig = new Rig([new LabUmem(256), to], Jumbo, Jumbo with { Umem = 1, Peer = 0 });
            rig.Round();
            rig.Receive(0, LabFrame.Make(1, length), LabFrame.Make(2, 60));
            rig.Settle();
            Assert.Equal([LabFrame.Make(1, length), LabFrame.Make(2, 60)], rig.Sent[1]);
            rig.CheckSums();
        }
    }

    [Fact]
    public void Segments_IntoOneLargerChunk_AreMerged()
    {
        using var rig = new Rig(
            [new LabUmem(128), new LabUmem(128, 4096)], Jumbo, new LabPort(1, 0, FrameBytesMax: 9018));
        rig.Round();
        rig.Receive(0, LabFrame.Make(1, 3500), LabFrame.Make(2, 4096), LabFrame.Make(3, 4097));
        rig.Round();
        Assert.Equal(2u, rig.Life.Ports[1].Tx.Level);
        Assert.Equal(0u, rig.Life.Ports[1].Tx[0].options);
        rig.Settle();
        Assert.Equal([LabFrame.Make(1, 3500), LabFrame.Make(2, 4096)], rig.Sent[1]);
        Assert.Equal(1u, rig.Drops(0, DropReason.TooManySegments));
        rig.CheckSums();
    }

    [Fact]
    public void Segments_ToAPortWithoutThem_AreDropped()
    {
        using var rig = new Rig([new LabUmem(128)], Jumbo, new LabPort(0, 0, FrameBytesMax: 9018));
        rig.Round();
        rig.Receive(0, LabFrame.Make(1, 5000), LabFrame.Make(2, 1000));
        rig.Settle();
        Assert.Equal(LabFrame.Make(2, 1000), Assert.Single(rig.Sent[1]));
        Assert.Equal(1u, rig.Drops(0, DropReason.TooManySegments));
        rig.CheckSums();
    }

    [Fact]
    public void Segments_MoreThanTheKernelSends_AreDropped()
    {
        using Rig rig = SameUmem();
        PutSegments(rig, 19);
        rig.Receive(0, LabFrame.Make(2, 60));
        rig.Settle();
        Assert.Single(rig.Sent[1]);
        Assert.Equal(1u, rig.Drops(0, DropReason.TooManySegments));
        rig.CheckSums();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Segments_BurstEndsInsideAFrame_WaitForItsEnd(bool copies)
    {
        LabUmem[] umems = copies ? [new(256), new(512)] : [new(256)];
        using var rig = new Rig(
            umems, Jumbo with { Entries = 256 }, Jumbo with { Umem = umems.Length - 1, Peer = 0, Entries = 256 });
        rig.Round();
        for (ulong i = 0; i < 18; i++)
        {
            rig.Receive(0, LabFrame.Make(i, (4 * SegmentBytes) + 100));
        }

        rig.Round();
        Assert.Equal(FramesOfFive, rig.Traffic(0).RxPackets);
        Assert.Equal(5 * FramesOfFive, rig.Life.Ports[0].Rx.Released);
        rig.CheckSums();
        rig.Settle();
        Assert.Equal(Enumerable.Range(0, 18).Select(i => (ulong)i), rig.Sent[1].Select(LabFrame.NumberOf));
        Assert.All(rig.Sent[1], frame => Assert.True(LabFrame.IsIntact(frame)));
        rig.CheckSums();
    }

    [Fact]
    public void Segments_PeerComesUpInsideAFrame_HalfOfItIsNotSent()
    {
        using var rig = new Rig(
            [new LabUmem(256)], Jumbo with { Entries = 256 }, Jumbo with { Peer = 0, Entries = 256 });
        rig.Round();
        rig.Life.Ports[1].IsUp = false;
        for (ulong i = 0; i < 18; i++)
        {
            rig.Receive(0, LabFrame.Make(i, (4 * SegmentBytes) + 100));
        }

        rig.Round();
        rig.Life.Ports[1].IsUp = true;
        rig.Settle();
        Assert.Equal(FramesOfFive, rig.Drops(0, DropReason.PeerDown));
        Assert.Equal(18 - (int)FramesOfFive, rig.Sent[1].Count);
        Assert.All(rig.Sent[1], frame => Assert.True(LabFrame.IsIntact(frame)));
        rig.CheckSums();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Segments_FrameWithoutEnd_DoesNotStallThePort(bool copies)
    {
        LabUmem[] umems = copies ? [new(256), new(256)] : [new(256)];
        using var rig = new Rig(
            umems, Jumbo with { Entries = 128 }, Jumbo with { Umem = umems.Length - 1, Peer = 0, Entries = 128 });
        rig.Round();
        PutSegments(rig, 70);
        rig.Receive(0, LabFrame.Make(9, 60));
        rig.Settle();
        Assert.Equal(0u, rig.Life.Ports[0].Rx.Level);
        Assert.Equal(9ul, LabFrame.NumberOf(rig.Sent[1][^1]));
        rig.CheckSums();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Segments_OneOfThemIsALie_DropsTheWholeFrame(int which)
    {
        using Rig rig = SameUmem();
        for (int i = 0; i < 3; i++)
        {
            ulong address = i == which ? 255 * 2048 : rig.Kernel.TakeFill(0) + 256;
            rig.Kernel.Lie(0, new xdp_desc { addr = address, len = 100, options = i < 2 ? XDP_PKT_CONTD : 0 });
        }

        rig.Receive(0, LabFrame.Make(2, 60));
        rig.Settle();
        Assert.Equal(2ul, LabFrame.NumberOf(Assert.Single(rig.Sent[1])));
        Assert.Equal(1u, rig.Drops(0, DropReason.InvalidDescriptor));
        rig.CheckSums();
    }

    [Fact]
    public void Segments_SameChunkTwiceInAFrame_DropsTheWholeFrame()
    {
        using Rig rig = SameUmem();
        ulong chunk = rig.Kernel.TakeFill(0) + 256;
        rig.Kernel.Lie(0, new xdp_desc { addr = rig.Kernel.TakeFill(0) + 256, len = 100, options = XDP_PKT_CONTD });
        rig.Kernel.Lie(0, new xdp_desc { addr = chunk, len = 100, options = XDP_PKT_CONTD });
        rig.Kernel.Lie(0, new xdp_desc { addr = chunk, len = 100, options = XDP_PKT_CONTD });
        rig.Kernel.Lie(0, new xdp_desc { addr = rig.Kernel.TakeFill(0) + 256, len = 100 });
        rig.Receive(0, LabFrame.Make(2, 60));
        rig.Settle();
        Assert.Equal(2ul, LabFrame.NumberOf(Assert.Single(rig.Sent[1])));
        Assert.Equal(1u, rig.Drops(0, DropReason.InvalidDescriptor));
        rig.CheckSums();
    }

    [Fact]
    public void Segments_LengthsThatWrapAround_AreALie()
    {
        foreach (LabUmem[] umems in new LabUmem[][] { [new(256)], [new(256), new(256)] })
        {
            using var rig = new Rig(umems, Jumbo, Jumbo with { Umem = umems.Length - 1, Peer = 0 });
            rig.Round();
            rig.Kernel.Lie(
                0, new xdp_desc { addr = rig.Kernel.TakeFill(0) + 256, len = uint.MaxValue, options = XDP_PKT_CONTD });
            rig.Kernel.Lie(0, new xdp_desc { addr = rig.Kernel.TakeFill(0) + 256, len = 101 });
            rig.Settle();
            Assert.Empty(rig.Sent[1]);
            Assert.Equal(1u, rig.Drops(0, DropReason.InvalidDescriptor));
            rig.CheckSums();
        }
    }

    private static Rig SameUmem()
    {
        var rig = new Rig([new LabUmem(256)], Jumbo, Jumbo with { Peer = 0 });
        rig.Round();
        return rig;
    }

    private static void PutSegments(Rig rig, int count)
    {
        for (int i = 0; i < count; i++)
        {
            if (rig.Kernel.Posted(0) == 0)
            {
                rig.Life.Ports[0].Pool.Refill(rig.Life.Worker.Record, 0, null!, always: true);
            }

            rig.Kernel.Lie(0, new xdp_desc
            {
                addr = rig.Kernel.TakeFill(0) + 256,
                len = 100,
                options = i + 1 < count ? XDP_PKT_CONTD : 0,
            });
        }
    }
}
