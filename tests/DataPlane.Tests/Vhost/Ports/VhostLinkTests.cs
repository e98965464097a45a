using Nf.DataPlane.Lab;
using Nf.DataPlane.Ports;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Vhost.Ports;

// Links with a guest on one end or both.
public unsafe class VhostLinkTests
{
    public static TheoryData<ulong> Kinds => new()
    {
        GuestSide.Plain, GuestSide.Offloads, GuestSide.Plain | DataPlane.Vhost.VirtioFeatures.RingPacked,
        GuestSide.Offloads | DataPlane.Vhost.VirtioFeatures.RingPacked | DataPlane.Vhost.VirtioFeatures.EventIndex,
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Link_SocketAndGuest_FramesArriveBothWays(ulong features)
    {
        using var rig = new VhostRig(new GuestSide(1, features).Start());
        GuestSide guest = rig.Guests[0];
        VhostRig.Link(rig.Socket, guest.Port);
        rig.Round();
        var got = new List<GuestFrame>();
        for (ulong i = 0; i < 600; i++)
        {
            guest.Offer(40);
            rig.Lab.Receive(0, LabFrame.Make(i, 60 + (int)(i % 1400)));
            byte[] frame = LabFrame.Make(1000 + i, 60 + (int)(i * 7 % 1400));
            Assert.True(guest.Send(frame, default, i % 3 == 0 ? [5, 30] : []));
            if (i % 13 == 0)
            {
                rig.Settle();
                got.AddRange(guest.Take());
            }
        }

        rig.Settle();
        got.AddRange(guest.Take());
        Assert.Equal(Numbers(0, 600), got.Select(frame => LabFrame.NumberOf(frame.Bytes)));
        Assert.Equal(Numbers(1000, 600), rig.Sent.Select(LabFrame.NumberOf));
        Assert.All(got, frame => Assert.True(LabFrame.IsIntact(frame.Bytes) && frame.Offload.IsFinished));
        Assert.All(rig.Sent, frame => Assert.True(LabFrame.IsIntact(frame)));
        Assert.Equal(0, guest.OnTheWay);
        Assert.Equal(600u, guest.Port.Traffic.RxPackets);
        Assert.Equal(600u, guest.Port.Traffic.TxPackets);
        Assert.Equal(600u, rig.Lab.Traffic(0).TxPackets);
        Assert.Equal(guest.Port.Traffic.RxBytes, rig.Lab.Traffic(0).TxBytes);
        Assert.Equal(guest.Port.Traffic.TxBytes, rig.Lab.Traffic(0).RxBytes);
        rig.CheckSums();
    }

    [Fact]
    public void Link_JumboSocketAndGuest_FramesOfSeveralChunksArriveWhole()
    {
        var plan = new LabPlan(
            "jumbo", [new LabUmem(256)], [new LabPort(0, -1, 128, SegmentsMax: 18, FrameBytesMax: 9018)]);
        using var rig = new VhostRig(plan, new GuestSide(1, GuestSide.Offloads).Start());
        GuestSide guest = rig.Guests[0];
        VhostRig.Link(rig.Socket, guest.Port);
        rig.Round();
        guest.Offer(256);
        int[] lengths = [9018, 60, 5000, 1792, 1793, 2048, 2049, 14];
        foreach (int length in lengths)
        {
            rig.Lab.Receive(0, LabFrame.Make(1, length));
            guest.Send(LabFrame.Make(2, length), default, length > 1000 ? [100, 700] : []);
        }

        rig.Settle();
        List<GuestFrame> got = guest.Take();
        Assert.Equal(lengths, got.Select(frame => frame.Bytes.Length));
        Assert.Equal(lengths.Select(length => LabFrame.Make(1, length)), got.Select(frame => frame.Bytes));
        Assert.Equal(lengths.Select(length => LabFrame.Make(2, length)), rig.Sent);
        rig.CheckSums();
    }

    public static TheoryData<string> Shapes => ["headroom", "metadata", "unaligned", "unaligned with metadata"];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Link_UmemOfAnyShape_FramesArriveBothWays(string shape)
    {
        LabUmem umem = shape switch
        {
            "headroom" => new LabUmem(128, Headroom: 200),
            "metadata" => new LabUmem(128, TxMetadata: 248),
            "unaligned" => new LabUmem(128, 3001, Unaligned: true),
            _ => new LabUmem(128, 2600, 50, true, 24),
        };
        using var rig = new VhostRig(new LabPlan("shape", [umem], [new LabPort(0, -1)]), new GuestSide(1).Start());
        GuestSide guest = rig.Guests[0];
        VhostRig.Link(rig.Socket, guest.Port);
        rig.Round();
        guest.Offer(200);
        int[] lengths = [14, 15, 63, 64, 65, 128, 1023, 1500, 1514, 1518];
        foreach (int length in lengths)
        {
            rig.Lab.Receive(0, LabFrame.Make(1, length));
            guest.Send(LabFrame.Make(2, length));
        }

        rig.Settle();
        Assert.Equal(lengths.Select(length => LabFrame.Make(1, length)), guest.Take().Select(frame => frame.Bytes));
        Assert.Equal(lengths.Select(length => LabFrame.Make(2, length)), rig.Sent);
        rig.CheckSums();
    }

    [Fact]
    public void Link_GuestHasNoBuffers_DropsWithThatReasonAndNothingWaits()
    {
        using var rig = new VhostRig(new GuestSide(1).Start());
        VhostRig.Link(rig.Socket, rig.Guests[0].Port);
        rig.Round();
        rig.Guests[0].Offer(3);
        rig.Lab.Receive(0, [.. Enumerable.Range(0, 10).Select(i => LabFrame.Make((ulong)i, 60))]);
        rig.Settle();
        Assert.Equal(3, rig.Guests[0].Take().Count);
        Assert.Equal(7u, rig.Lab.Drops(0, DropReason.NoGuestBuffer));
        Assert.Equal(0u, rig.Socket.Rx.Level);
        rig.CheckSums();
    }

    [Fact]
    public void Link_TxRingFull_LeavesFramesWithTheGuest()
    {
        using var rig = new VhostRig(new GuestSide(1).Start());
        GuestSide guest = rig.Guests[0];
        VhostRig.Link(rig.Socket, guest.Port);
        for (ulong i = 0; i < 200; i++)
        {
            guest.Send(LabFrame.Make(i, 60));
        }

        for (int i = 0; i < 1000; i++)
        {
            rig.Round();
        }

        // 64 slots: the kernel sends nothing yet, so what does not fit stays where it is.
        Assert.Equal(64u, rig.Socket.Tx.Level);
        Assert.Equal(200 - 64, guest.OnTheWay);
        Assert.Equal(0u, guest.Port.DropsTotal());
        Assert.True(guest.Port.Rings.Backpressure > 0);
        rig.CheckSums();
        rig.Settle();
        Assert.Equal(Numbers(0, 200), rig.Sent.Select(LabFrame.NumberOf));
        rig.CheckSums();
    }

    [Fact]
    public void Link_NoFreeChunk_DropsWithThatReason()
    {
        using var rig = new VhostRig(
            new LabPlan("few", [new LabUmem(8)], [new LabPort(0, -1)]), new GuestSide(1).Start());
        GuestSide guest = rig.Guests[0];
        VhostRig.Link(rig.Socket, guest.Port);
        rig.Round();
        for (ulong i = 0; i < 10; i++)
        {
            guest.Send(LabFrame.Make(i, 60));
        }

        rig.Round();
        Assert.Equal(8u, guest.Drops(DropReason.NoFreeChunk));
        rig.Settle();
        Assert.Equal(2, rig.Sent.Count);
        rig.CheckSums();
    }

    [Theory]
    [InlineData(13, DropReason.TooShort)]
    [InlineData(1519, DropReason.TooLarge)]
    public void Link_FrameThatTheSocketCannotSend_IsDroppedWithItsReason(int length, DropReason reason)
    {
        using var rig = new VhostRig(new GuestSide(1).Start());
        GuestSide guest = rig.Guests[0];
        VhostRig.Link(rig.Socket, guest.Port);
        guest.Send(new byte[length]);
        guest.Send(LabFrame.Make(1, 1518));
        rig.Settle();
        Assert.Equal(1u, guest.Drops(reason));
        Assert.Equal(1518, Assert.Single(rig.Sent).Length);
        Assert.Equal(0, guest.OnTheWay);
        rig.CheckSums();
    }

    [Fact]
    public void Link_PeerDownOrNone_GuestsFramesAreTakenAndDropped()
    {
        using var rig = new VhostRig(new GuestSide(1).Start());
        GuestSide guest = rig.Guests[0];
        guest.Send(LabFrame.Make(1, 60));
        rig.Settle();
        Assert.Equal(1u, guest.Drops(DropReason.NoLink));
        VhostRig.Link(rig.Socket, guest.Port);
        rig.Socket.IsUp = false;
        guest.Send(LabFrame.Make(1, 60));
        rig.Settle();
        Assert.Equal(1u, guest.Drops(DropReason.PeerDown));
        rig.Socket.IsUp = true;
        rig.Lab.Life.Worker.Detach(rig.Socket);
        guest.Send(LabFrame.Make(1, 60));
        rig.Settle();
        Assert.Equal(2u, guest.Drops(DropReason.PeerDown));
        Assert.Equal(0, guest.OnTheWay);
        rig.CheckSums();
    }

    [Fact]
    public void Rings_DisabledOrStopped_AreEmptiedOrLeftAlone()
    {
        using var rig = new VhostRig(new GuestSide(1).Start());
        GuestSide guest = rig.Guests[0];
        VhostRig.Link(rig.Socket, guest.Port);
        rig.Round();
        guest.Offer(10);
        guest.Port.SetEnabled(guestSends: true, false);
        guest.Port.SetEnabled(guestSends: false, false);
        guest.Send(LabFrame.Make(1, 60));
        rig.Lab.Receive(0, LabFrame.Make(2, 60));
        rig.Settle();
        Assert.Equal(0, guest.OnTheWay);
        Assert.Equal(1u, guest.Drops(DropReason.RingDisabled));
        Assert.Equal(1u, rig.Lab.Drops(0, DropReason.RingDisabled));
        Assert.False(guest.ToGuest.HasUsed);
        Assert.Empty(rig.Sent);

        guest.Port.SetEnabled(guestSends: true, true);
        guest.Port.SetEnabled(guestSends: false, true);
        guest.Port.SetRing(guestSends: true, null, null);
        guest.Port.SetRing(guestSends: false, null, null);
        guest.Send(LabFrame.Make(3, 60));
        rig.Lab.Receive(0, LabFrame.Make(4, 60));
        rig.Settle();
        Assert.Equal(1, guest.OnTheWay);
        Assert.Equal(2u, rig.Lab.Drops(0, DropReason.RingDisabled));

        guest.Port.SetRing(guestSends: true, guest.Sending, guest.Kick);
        guest.Port.SetRing(guestSends: false, guest.Receiving, null);
        rig.Lab.Receive(0, LabFrame.Make(5, 60));
        rig.Settle();
        Assert.Equal(3ul, LabFrame.NumberOf(Assert.Single(rig.Sent)));
        Assert.Equal(5ul, LabFrame.NumberOf(Assert.Single(guest.Take()).Bytes));
        rig.CheckSums();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Ring_CannotBeTrusted_IsToldOfOnceAndTheOthersGoOn(bool guestSends)
    {
        using var rig = new VhostRig(
            new GuestSide(1).Start(), new GuestSide(2).Start(), new GuestSide(3).Start());
        GuestSide bad = rig.Guests[0];
        VhostRig.Link(rig.Socket, bad.Port);
        VhostRig.Link(rig.Guests[1].Port, rig.Guests[2].Port);
        rig.Round();
        var driver = (Rings.SplitDriver)(guestSends ? bad.FromGuest : bad.ToGuest);
        driver.AvailableIndex += 1000;
        rig.Lab.Receive(0, LabFrame.Make(1, 60));
        rig.Round();
        rig.Round();
        (Port port, string why) = Assert.Single(rig.Lab.Life.Faults);
        Assert.Equal(bad.Port, port);
        Assert.Contains("avail->idx is 1000, 1000 ahead", why, StringComparison.Ordinal);
        Assert.Equal(1u, bad.Port.Vhost.RingFaults);

        // The other ring of the same pair, and other guests.
        driver.AvailableIndex -= 1000;
        rig.Guests[2].Offer(5);
        rig.Guests[1].Send(LabFrame.Make(7, 60));
        bad.Offer(5);
        bad.Send(LabFrame.Make(8, 60));
        rig.Lab.Receive(0, LabFrame.Make(9, 60));
        rig.Settle();
        Assert.Single(rig.Guests[2].Take());
        Assert.Equal(guestSends ? 0 : 1, rig.Sent.Count);
        Assert.Equal(guestSends ? 1 : 0, bad.Take().Count);
        Assert.Single(rig.Lab.Life.Faults);
        rig.CheckSums();
    }

    [Fact]
    public void Link_GuestAndGuest_FramesArriveBothWays()
    {
        using var rig = new VhostRig(new GuestSide(1).Start(), new GuestSide(2, GuestSide.Offloads).Start());
        GuestSide a = rig.Guests[0];
        GuestSide b = rig.Guests[1];
        VhostRig.Link(a.Port, b.Port);
        a.Offer(256);
        b.Offer(256);
        for (ulong i = 0; i < 200; i++)
        {
            a.Send(LabFrame.Make(i, 60 + (int)i));
            b.Send(LabFrame.Make(1000 + i, 1500));
        }

        rig.Settle();
        Assert.Equal(Numbers(0, 200), b.Take().Select(frame => LabFrame.NumberOf(frame.Bytes)));
        Assert.Equal(Numbers(1000, 200), a.Take().Select(frame => LabFrame.NumberOf(frame.Bytes)));
        Assert.Equal(200u, a.Port.Traffic.LinkPackets);
        Assert.True(a.ToGuest.Call!.TryDrain(), "the guest was not told of its frames");
        Assert.True(a.FromGuest.Call!.TryDrain(), "the guest was not told of its buffers");
        rig.CheckSums();
    }

    [Fact]
    public void Link_GuestUsesItsFirstPairOnly_FramesOfOtherQueuesGoThere()
    {
        var plan = new LabPlan("two", [new LabUmem(128)], [new LabPort(0, -1), new LabPort(0, -1)]);
        using var rig = new VhostRig(plan, new GuestSide(2).Start(), new GuestSide(3, pair: 1).Start());
        VhostPort[] pairs = [.. rig.Guests.Select(guest => guest.Port)];
        for (int i = 0; i < 2; i++)
        {
            pairs[i].Pairs = pairs;
            VhostRig.Link(rig.Lab.Life.Ports[i], pairs[i]);
            rig.Guests[i].Offer(10);
        }

        pairs[1].SetEnabled(guestSends: false, false);
        rig.Round();
        rig.Lab.Receive(1, LabFrame.Make(1, 60));
        rig.Settle();
        Assert.Single(rig.Guests[0].Take());
        pairs[1].SetEnabled(guestSends: false, true);
        rig.Lab.Receive(1, LabFrame.Make(2, 60));
        rig.Settle();
        Assert.Single(rig.Guests[1].Take());
        rig.CheckSums();
    }

    [Fact]
    public void SendRarp_LeavesOnTheLinkAsIfTheGuestHadSentIt()
    {
        using var rig = new VhostRig(new GuestSide(1));
        GuestSide guest = rig.Guests[0];
        VhostRig.Link(rig.Socket, guest.Port);
        byte[] mac = [0x52, 0x54, 0, 1, 2, 3];
        guest.Port.SendRarp(mac);
        Assert.False(guest.Port.EnableWakeUps());
        rig.Settle();
        byte[] expected =
        [
            0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, .. mac, 0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3, .. mac, 0, 0, 0, 0, .. mac,
            .. new byte[26],
        ];
        Assert.Equal(expected, Assert.Single(rig.Sent));
        Assert.True(guest.Port.EnableWakeUps());
        rig.CheckSums();
    }

    [Fact]
    public void RunGuarded_SocketCorruptedWithFramesInHand_TheGuestsFramesAreCounted()
    {
        using var rig = new VhostRig(
            new LabPlan("few", [new LabUmem(4)], [new LabPort(0, -1)]), new GuestSide(1).Start());
        GuestSide guest = rig.Guests[0];
        VhostRig.Link(rig.Socket, guest.Port);
        rig.Round();
        guest.Send(LabFrame.Make(1, 60));
        guest.Send(LabFrame.Make(2, 60));
        rig.Round();

        // No chunk is left, so that the completion ring, which lies, is looked at with frames in hand.
        Assert.Equal(1u, guest.Drops(DropReason.NoFreeChunk));
        guest.Send(LabFrame.Make(3, 60));
        rig.Lab.Memory.ProducerIndex(0, XdpRing.Completion) += 100_000;
        Assert.Equal(0u, rig.Lab.Life.Worker.RunGuarded());
        guest.Send(LabFrame.Make(4, 60));
        rig.Lab.Life.Worker.RunGuarded();
        Assert.Equal(0, guest.OnTheWay);
        Assert.Equal(4u, guest.Port.Traffic.RxPackets);
        Assert.Equal(2u, guest.Drops(DropReason.PeerDown));
        guest.CheckSums();
    }

    private static IEnumerable<ulong> Numbers(ulong first, int count) =>
        Enumerable.Range(0, count).Select(i => first + (ulong)i);
}
