using Nf.DataPlane.Frames;
using Nf.DataPlane.Lab;
using Nf.DataPlane.Tests.Frames;
using Nf.DataPlane.Vhost;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Vhost.Ports;

// What a guest leaves unfinished reaches the other end finished, or as it is where that was negotiated.
public class VhostOffloadTests
{
    private static readonly LabPlan BigRings = new("big", [new LabUmem(1024)], [new LabPort(0, -1, 512)]);

    public static TheoryData<bool, int, int> Checksums
    {
        get
        {
            var cases = new TheoryData<bool, int, int>();
            foreach (bool ip6 in new[] { false, true })
            {
                foreach (int protocol in new[] { SlowNet.Tcp, SlowNet.Udp })
                {
                    cases.Add(ip6, protocol, 0);
                    cases.Add(ip6, protocol, 1);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Checksums))]
    public void Checksum_ToASocket_IsCompleted(bool ip6, int protocol, int tags)
    {
        using var rig = new VhostRig(new GuestSide(1, GuestSide.Offloads).Start());
        GuestSide guest = rig.Guests[0];
        VhostRig.Link(rig.Socket, guest.Port);
        foreach (int length in new[] { 1, 100, 1399 })
        {
            byte[] frame = SlowNet.Make(ip6, protocol, LabFrame.Make(5, length), tags);
            guest.Send(frame, ChecksumTests.OffloadOf(frame, protocol), 3, 50);
            rig.Settle();
            SlowNet.Check(rig.Sent[^1]);
            AssertEqualButChecksum(frame, rig.Sent[^1], protocol);
        }

        Assert.Equal(3, rig.Sent.Count);
        rig.CheckSums();
    }

    [Fact]
    public void Checksum_JumboToASocketOfSmallChunks_IsCompleted()
    {
        var plan = new LabPlan(
            "jumbo", [new LabUmem(256)], [new LabPort(0, -1, 128, SegmentsMax: 18, FrameBytesMax: 9018)]);
        using var rig = new VhostRig(plan, new GuestSide(1, GuestSide.Offloads).Start());
        GuestSide guest = rig.Guests[0];
        VhostRig.Link(rig.Socket, guest.Port);
        byte[] frame = SlowNet.Make(true, SlowNet.Tcp, LabFrame.Make(5, 8800));
        guest.Send(frame, ChecksumTests.OffloadOf(frame, SlowNet.Tcp));
        rig.Settle();
        SlowNet.Check(Assert.Single(rig.Sent));
        rig.CheckSums();
    }

    [Theory]
    [InlineData(false, 1448)]
    [InlineData(true, 1428)]
    [InlineData(false, 536)]
    public void Large_ToASocket_IsCut(bool ip6, int mss)
    {
        using var rig = new VhostRig(BigRings, new GuestSide(1, GuestSide.Offloads).Start());
        GuestSide guest = rig.Guests[0];
        VhostRig.Link(rig.Socket, guest.Port);
        var payload = new List<byte>();
        for (ulong i = 0; i < 20; i++)
        {
            byte[] part = LabFrame.Make(i, 60_000);
            payload.AddRange(part);
            byte[] frame = SlowNet.Make(ip6, SlowNet.Tcp, part, sequence: (uint)(i * 60_000));
            guest.Send(frame, SegmenterTests.LargeOffload(frame, ip6, mss), 10, 60, 4096);
            guest.Send(SlowNet.Make(ip6, SlowNet.Tcp, [], flags: 0x10));
            if (i == 0)
            {
                // From here on it is known how many segments a frame becomes, and so how many have room.
                rig.Settle();
            }
        }

        rig.Settle();
        byte[][] segments = [.. rig.Sent.Where(frame => SlowNet.TcpPayload(frame).Length != 0)];
        Assert.Equal(payload, segments.SelectMany(SlowNet.TcpPayload));
        Assert.All(segments, SlowNet.Check);
        Assert.All(segments, segment => Assert.True(segment.Length <= 1518));

        // A frame counts once for who received it, and as what it became for who sent it.
        Assert.Equal(40u, guest.Port.Traffic.LinkPackets);
        Assert.Equal((ulong)segments.Length + 20, rig.Lab.Traffic(0).TxPackets);
        Assert.Equal((ulong)rig.Sent.Sum(frame => frame.Length), rig.Lab.Traffic(0).TxBytes);
        Assert.Equal(0u, guest.Port.DropsTotal());
        rig.CheckSums();
    }

    [Fact]
    public void Large_ToASocketWithASmallRing_LeavesWhatFits()
    {
        using var rig = new VhostRig(
            new LabPlan("small", [new LabUmem(512)], [new LabPort(0, -1)]),
            new GuestSide(1, GuestSide.Offloads).Start());
        GuestSide guest = rig.Guests[0];
        VhostRig.Link(rig.Socket, guest.Port);
        byte[] frame = SlowNet.Make(false, SlowNet.Tcp, LabFrame.Make(1, 64_000));
        guest.Send(frame, SegmenterTests.LargeOffload(frame, false, 500));
        rig.Settle();
        Assert.Equal(64, rig.Sent.Count);
        Assert.All(rig.Sent, SlowNet.Check);
        Assert.Equal(1u, guest.Port.Traffic.LinkPackets);
        rig.CheckSums();
    }

    public static TheoryData<string, ulong, bool> Receivers => new()
    {
        { "nothing negotiated", GuestSide.Plain, false },
        { "checksums", GuestSide.Plain | VirtioFeatures.GuestChecksum, false },
        { "everything", GuestSide.AllOffloads, true },
    };

    [Theory]
    [MemberData(nameof(Receivers))]
    public void Guest_ToAGuest_GetsWhatItNegotiated(string what, ulong features, bool large)
    {
        using var rig = new VhostRig(
            new GuestSide(1, GuestSide.AllOffloads).Start(), new GuestSide(2, features).Start());
        GuestSide from = rig.Guests[0];
        GuestSide to = rig.Guests[1];
        VhostRig.Link(from.Port, to.Port);
        to.Offer(256);
        byte[] plain = LabFrame.Make(1, 60);
        byte[] udp = SlowNet.Make(false, SlowNet.Udp, LabFrame.Make(2, 1000));
        byte[] tcp = SlowNet.Make(true, SlowNet.Tcp, LabFrame.Make(3, 30_000));
        for (int i = 0; i < 3; i++)
        {
            from.Send(plain);
            from.Send(udp, ChecksumTests.OffloadOf(udp, SlowNet.Udp));
            from.Send(tcp, SegmenterTests.LargeOffload(tcp, true, 1400), 20, 100);
        }

        rig.Settle();
        List<GuestFrame> got = to.Take();
        bool checksum = (features & VirtioFeatures.GuestChecksum) != 0;
        int perRound = large ? 3 : 2 + 22;
        Assert.True(3 * perRound == got.Count, $"{what}: {got.Count} frames");
        for (int i = 0; i < got.Count; i += perRound)
        {
            Assert.Equal(plain, got[i].Bytes);
            Assert.Equal(checksum, !got[i + 1].Offload.IsFinished);
            if (checksum)
            {
                Assert.Equal(udp, got[i + 1].Bytes);
            }
            else
            {
                SlowNet.Check(got[i + 1].Bytes);
            }

            GuestFrame[] segments = [.. got.Skip(i + 2).Take(perRound - 2)];
            Assert.Equal(SlowNet.TcpPayload(tcp), segments.SelectMany(s => SlowNet.TcpPayload(s.Bytes)));
            Assert.All(segments, s => Assert.Equal(large, !s.Offload.IsFinished));
            Assert.Equal(large ? FrameOffload.SegmentTcp6 : 0, segments[0].Offload.SegmentType);
        }

        Assert.Equal(9u, from.Port.Traffic.LinkPackets);
        Assert.Equal((ulong)got.Count, to.Port.Traffic.TxPackets);
        Assert.Equal((ulong)got.Sum(frame => frame.Bytes.Length), to.Port.Traffic.TxBytes);
        rig.CheckSums();
    }

    [Fact]
    public void Congestion_WhereTheReceiverDoesNotKnowIt_IsCut()
    {
        ulong withoutEcn = GuestSide.AllOffloads & ~VirtioFeatures.GuestEcn;
        using var rig = new VhostRig(
            new GuestSide(1, GuestSide.AllOffloads).Start(), new GuestSide(2, withoutEcn).Start());
        VhostRig.Link(rig.Guests[0].Port, rig.Guests[1].Port);
        rig.Guests[1].Offer(100);
        byte[] tcp = SlowNet.Make(false, SlowNet.Tcp, LabFrame.Make(3, 5000), flags: 0x90);
        FrameOffload offload = SegmenterTests.LargeOffload(tcp, false, 1400);
        rig.Guests[0].Send(tcp, offload);
        offload.SegmentType |= FrameOffload.SegmentEcn;
        rig.Guests[0].Send(tcp, offload);
        rig.Settle();
        List<GuestFrame> got = rig.Guests[1].Take();
        Assert.Equal([5054, 1454, 1454, 1454, 854], got.Select(frame => frame.Bytes.Length));
        Assert.Equal([0x90, 0x10, 0x10, 0x10], got.Skip(1).Select(frame => frame.Bytes[47]));
    }

    public static TheoryData<string> Lies => ["csum_start", "gso_size", "headers", "no checksum", "not negotiated"];

    [Theory]
    [MemberData(nameof(Lies))]
    public void Offload_ThatTheBytesDoNotAllow_IsDroppedAtTheSender(string lie)
    {
        ulong features = lie == "not negotiated" ? GuestSide.Plain | VirtioFeatures.Checksum : GuestSide.Offloads;
        using var rig = new VhostRig(new GuestSide(1, features).Start());
        GuestSide guest = rig.Guests[0];
        VhostRig.Link(rig.Socket, guest.Port);
        byte[] tcp = SlowNet.Make(false, SlowNet.Tcp, LabFrame.Make(3, 1400));
        FrameOffload offload = SegmenterTests.LargeOffload(tcp, false, 100);
        switch (lie)
        {
            case "csum_start":
                offload = offload with { SegmentType = 0, SegmentBytes = 0, ChecksumStart = 0xFFFF };
                break;
            case "gso_size":
                offload.SegmentBytes = 0;
                break;
            case "headers":
                tcp[14] = 0x4F;
                break;
            case "no checksum":
                offload.Flags = 0;
                break;
        }

        guest.Send(tcp, offload);
        guest.Send(LabFrame.Make(1, 60));
        rig.Settle();
        Assert.Equal(1u, guest.Drops(DropReason.BadOffload));
        Assert.Equal(LabFrame.Make(1, 60), Assert.Single(rig.Sent));
        Assert.Equal(0, guest.OnTheWay);
        rig.CheckSums();
    }

    [Fact]
    public void Large_SegmentsLongerThanTheSocketTakes_IsDropped()
    {
        using var rig = new VhostRig(new GuestSide(1, GuestSide.Offloads).Start());
        GuestSide guest = rig.Guests[0];
        VhostRig.Link(rig.Socket, guest.Port);
        byte[] tcp = SlowNet.Make(false, SlowNet.Tcp, LabFrame.Make(3, 9000));
        guest.Send(tcp, SegmenterTests.LargeOffload(tcp, false, 4000));
        rig.Settle();
        Assert.Equal(1u, guest.Drops(DropReason.TooLarge));
        rig.CheckSums();
    }

    private static void AssertEqualButChecksum(byte[] expected, byte[] actual, int protocol)
    {
        int field = SlowNet.L4Of(expected) + SlowNet.ChecksumOffset(protocol);
        byte[] copy = [.. actual];
        expected.AsSpan(field, 2).CopyTo(copy.AsSpan(field));
        Assert.Equal(expected, copy);
    }
}
