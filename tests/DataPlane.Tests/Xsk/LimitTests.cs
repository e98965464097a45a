using Nf.DataPlane.Tests.Control;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Xsk;

/// <summary>What the kernel drops and counts, where it stops, and when it says that it is ready.</summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class LimitTests
{
    private const int NoWaitMs = 0;

    // Nothing is to come, so this is how long a test takes.
    private const int BriefMs = 50;
    private const int LongMs = 5000;

    public static TheoryData<string> Modes => XskWire.Modes;

    [Theory]
    [MemberData(nameof(Modes))]
    public void Receive_EverySecondFrameIsTooLargeForAChunk_ThoseAreCountedAsDropped(string mode)
    {
        using var wire = new XskWire(mode, mtu: 3000);
        XskEnd near = wire.Near(new XskEndSetup { ChunkSize = 4096 });
        XskEnd far = wire.Far();
        byte[][] frames = XskWire.Frames(64, number => number % 2 == 0 ? 1793 : 1792);

        near.Send(frames);

        Assert.Equal(frames.Where(frame => frame.Length == 1792), far.Receive(32));
        Assert.Equal((32ul, 0ul), (far.Statistics.rx_dropped, far.Statistics.rx_fill_ring_empty_descs));
        far.CheckLedger();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Receive_NobodyTakesFrames_RingFullIsCountedAndTheNextOnesArrive(string mode)
    {
        using var wire = new XskWire(mode);
        XskEnd near = wire.Near();
        XskEnd far = wire.Far(new XskEndSetup { Rx = 64 });

        near.Send(XskWire.Frames(100));

        Assert.Equal(36ul, far.Statistics.rx_ring_full);
        Assert.Equal(XskWire.Frames(64), far.Receive(64));
        XskWire.Transfer(near, far, XskWire.Frames(50));
        far.CheckLedger();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Receive_NoChunkIsLeft_IsCountedAndOnesPostedLaterAreUsed(string mode)
    {
        using var wire = new XskWire(mode);
        XskEnd near = wire.Near();
        XskEnd far = wire.Far();
        byte[][] frames = XskWire.Frames(150);

        // The ring has 128 chunks; taking frames would post more.
        near.Send(frames);

        Assert.Equal((22ul, 22ul), (far.Statistics.rx_dropped, far.Statistics.rx_fill_ring_empty_descs));
        Assert.Equal(frames.Take(128), far.Receive(128));
        XskWire.Transfer(near, far, XskWire.Frames(50));
        far.CheckLedger();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Poll_Receiver_IsReadyOnlyWithAFrameInTheRing(string mode)
    {
        using var wire = new XskWire(mode);
        XskEnd near = wire.Near();
        XskEnd far = wire.Far();
        Assert.Equal((EpollEvents)0, far.Poll(EpollEvents.In, BriefMs));
        byte[][] frames = XskWire.Frames(64);
        foreach (byte[] frame in frames)
        {
            near.Send([frame]);
            Assert.Equal(EpollEvents.In, far.Poll(EpollEvents.In, LongMs));
            Assert.Equal(frame, Assert.Single(far.Take()));
            Assert.Equal((EpollEvents)0, far.Poll(EpollEvents.In, NoWaitMs));
        }
    }

    // In copy mode a poll sends by itself.
    [Theory]
    [MemberData(nameof(Modes))]
    public void Poll_Sender_SendsWithoutAnotherCall(string mode)
    {
        using var wire = new XskWire(mode);
        XskEnd near = wire.Near();
        XskEnd far = wire.Far();
        byte[][] frames = XskWire.Frames(100);
        foreach (byte[] frame in frames)
        {
            near.Put(frame);
        }

        XskEnd.Until(
            () => near.Poll(EpollEvents.Out, NoWaitMs) == EpollEvents.Out && near.Port.Tx.Level == 0,
            "poll to have sent everything");

        Assert.Equal(frames, far.Receive(100));
        near.CheckLedger();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Poll_SenderWhoseFramesCannotLeave_IsNotReadyUntilTheyCan(string mode)
    {
        using var wire = new XskWire(mode);
        XskEnd near = wire.Near(new XskEndSetup { Completion = 64 });
        XskEnd far = wire.Far();
        byte[][] frames = XskWire.Frames(164);
        Array.ForEach(frames[..64], frame => near.Put(frame));
        XskEnd.Until(
            () =>
            {
                near.Port.Flush();
                return near.Port.Tx.Level == 0;
            },
            "a full completion ring");
        Assert.Equal(frames[..64], far.Receive(64));

        // Nobody takes what came back, so nothing more is sent; 100 of 128 slots are taken.
        Array.ForEach(frames[64..], frame => near.Put(frame));
        Assert.Equal((EpollEvents)0, near.Poll(EpollEvents.Out, BriefMs));
        Assert.Equal(100u, near.Port.Tx.Level);

        near.Flush();
        Assert.Equal(EpollEvents.Out, near.Poll(EpollEvents.Out, NoWaitMs));
        Assert.Equal(frames[64..], far.Receive(100));
        near.CheckLedger();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Kick_OneMoreThanTheBudget_TheConsumerAdvancesByTheBudget(string mode)
    {
        using var wire = new XskWire(mode);
        XskEnd near = wire.Near();
        XskEnd far = wire.Far();
        byte[][] frames = XskWire.Frames(33);
        Array.ForEach(frames, frame => near.Put(frame));
        uint before = near.Port.Tx.Consumed;

        Assert.Equal(Errno.EAGAIN, near.Socket.KickTx());

        Assert.Equal(before + 32, near.Port.Tx.Consumed);
        near.Flush();
        Assert.Equal(frames, far.Receive(33));
    }

    // Frames wait behind a slow device, and each counts against SO_SNDBUF for as long.
    [Fact]
    public void Flush_SendBufferIsFull_StopsAndGoesOnWhenFramesAreGone()
    {
        using var wire = new XskWire();
        wire.Lab.AddPair("nfx2", "nfx3", 1, 1, 1);
        wire.Lab.InsideRun("tc qdisc add dev nfx2 root tbf rate 8kbit burst 2k limit 10m");
        wire.Lab.InsideRun("tc qdisc add dev nfx0 clsact");
        wire.Lab.InsideRun(
            "tc filter add dev nfx0 ingress protocol all u32 match u32 0 0 action mirred egress redirect dev nfx2");
        XskEnd near = wire.Near(new XskEndSetup { SendBuffer = 16384 });
        Array.ForEach(XskWire.Frames(100, 1000), frame => near.Put(frame));

        near.Port.Flush();
        uint left = near.Port.Tx.Level;
        Assert.InRange(left, 50u, 98u);
        Assert.Equal(Errno.EAGAIN, near.Socket.KickTx());
        near.Pool.ReapCompletions();
        Assert.InRange(near.Pool.Completions, 0ul, 10ul);

        wire.Lab.InsideRun("tc qdisc del dev nfx2 root");
        near.Flush();
        near.CheckLedger();
        Assert.Equal(100ul, near.Pool.Completions);
    }
}
