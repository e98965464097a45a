using Nf.DataPlane.Frames;

namespace Nf.DataPlane.Tests.Frames;

public unsafe class SegmenterTests
{
    private const byte Fin = 0x01;
    private const byte Push = 0x08;
    private const byte Acknowledge = 0x10;
    private const byte CongestionReduced = 0x80;

    public static TheoryData<bool, int, int, int, int> Shapes
    {
        get
        {
            var shapes = new TheoryData<bool, int, int, int, int>();
            foreach (bool ip6 in new[] { false, true })
            {
                foreach ((int payload, int mss) in new[]
                    { (1, 1), (1448, 1448), (1449, 1448), (5000, 1448), (65000, 1448), (65000, 1000), (60000, 256),
                        (9000, 8948), (3000, 65000) })
                {
                    shapes.Add(ip6, payload, mss, payload % 3, payload % 2 * 12);
                }
            }

            return shapes;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Segments_AnyShape_AreRightAndMakeTheOriginal(bool ip6, int length, int mss, int tags, int options)
    {
        byte[] payload = new byte[length];
        new Random(length).NextBytes(payload);
        byte flags = Acknowledge | Push | Fin | CongestionReduced;
        byte[] frame = SlowNet.Make(ip6, SlowNet.Tcp, payload, tags, options, flags, sequence: uint.MaxValue - 2000);
        foreach (int stretches in new[] { 1, 2, 17 })
        {
            using var held = new HeldFrame(frame, LargeOffload(frame, ip6, mss), stretches);
            List<byte[]> segments = Cut(held);
            Assert.Equal((length + mss - 1) / mss, segments.Count);
            Assert.Equal(payload, segments.SelectMany(SlowNet.TcpPayload));
            for (int i = 0; i < segments.Count; i++)
            {
                CheckSegment(frame, segments[i], i, segments.Count, mss);
            }
        }
    }

    [Fact]
    public void Segments_ExtensionHeaders_StayInEachSegment()
    {
        byte[] plain = SlowNet.Make(true, SlowNet.Tcp, new byte[3000]);
        int l4 = SlowNet.L4Of(plain);
        byte[] extension = [SlowNet.Tcp, 1, 1, 12, .. new byte[12]];
        byte[] frame = [.. plain[..l4], .. extension, .. plain[l4..]];
        frame[SlowNet.IpOf(frame) + 6] = 60;
        FrameOffload offload = LargeOffload(plain, true, 1000);
        offload.ChecksumStart += 16;
        using var held = new HeldFrame(frame, offload);
        List<byte[]> segments = Cut(held);
        Assert.Equal(3, segments.Count);
        foreach (byte[] segment in segments)
        {
            Assert.Equal(extension, segment[l4..(l4 + 16)]);
            Assert.Equal(segment.Length - l4 + 40 - 40, SlowNet.Get16(segment, SlowNet.IpOf(segment) + 4));
            byte[] without = [.. segment[..l4], .. segment[(l4 + 16)..]];
            without[SlowNet.IpOf(without) + 6] = SlowNet.Tcp;
            SlowNet.Put16(without, SlowNet.IpOf(without) + 4, without.Length - l4);
            SlowNet.Check(without);
        }
    }

    public static TheoryData<string> Lies => [.. LieTable.Keys];

    private static Dictionary<string, Lie> LieTable => new()
    {
        ["no segment size"] = (f, o) => (f, o with { SegmentBytes = 0 }),
        ["too many segments"] = (f, o) => (f, o with { SegmentBytes = 11 }),
        ["no checksum asked for"] = (f, o) => (f, o with { Flags = 0 }),
        ["checksum elsewhere"] = (f, o) => (f, o with { ChecksumStart = 20 }),
        ["checksum of UDP"] = (f, o) => (f, o with { ChecksumOffset = 6 }),
        ["said to be IPv6"] = (f, o) => (f, o with { SegmentType = FrameOffload.SegmentTcp6 }),
        ["another EtherType"] = (f, o) => (With(f, 12, 0x08, 0x06), o),
        ["three tags"] = (f, o) => ([.. f[..12], 0x81, 0, 0, 1, 0x81, 0, 0, 1, 0x81, 0, 0, 1, .. f[12..]], o),
        ["version 5"] = (f, o) => (With(f, 14, 0x55), o),
        ["IP header of 16 bytes"] = (f, o) => (With(f, 14, 0x44), o),
        ["IP header of 60 bytes, which ends elsewhere"] = (f, o) => (With(f, 14, 0x4F), o),
        ["not TCP"] = (f, o) => (With(f, 23, 17), o),
        ["a fragment"] = (f, o) => (With(f, 20, 0x20), o),
        ["a later fragment"] = (f, o) => (With(f, 21, 1), o),
        ["TCP header of 16 bytes"] = (f, o) => (With(f, 46, 0x40), o),
        ["TCP header longer than the frame"] = (f, o) => (With(f[..60], 46, 0xF0), o),
        ["headers only"] = (f, o) => (f[..54], o),
        ["cut in the TCP header"] = (f, o) => (f[..50], o),
        ["cut in the IP header"] = (f, o) => (f[..30], o),
        ["an Ethernet header"] = (f, o) => (f[..14], o),
    };

    [Theory]
    [MemberData(nameof(Lies))]
    public void Begin_BytesThatDoNotAllowIt_IsRefused(string what)
    {
        byte[] frame = SlowNet.Make(false, SlowNet.Tcp, new byte[3000]);
        (byte[] lie, FrameOffload offload) = LieTable[what](frame, LargeOffload(frame, false, 1000));
        foreach (int stretches in new[] { 1, 5 })
        {
            using var held = new HeldFrame(lie, offload, stretches);
            using var finisher = new FrameFinisher();
            Assert.False(finisher.TryBegin(held.Batch, held.Frame), what);
            Assert.False(finisher.NextSegments());
        }
    }

    [Fact]
    public void Begin_ExtensionHeadersWithoutEnd_AreRefused()
    {
        byte[] frame = SlowNet.Make(true, SlowNet.Tcp, new byte[3000]);
        frame[SlowNet.IpOf(frame) + 6] = 0;
        for (int at = SlowNet.L4Of(frame); at < 300; at += 8)
        {
            frame[at] = 0;
            frame[at + 1] = 0;
        }

        using var held = new HeldFrame(frame, LargeOffload(frame, true, 1000));
        using var finisher = new FrameFinisher();
        Assert.False(finisher.TryBegin(held.Batch, held.Frame));
    }

    [Fact]
    public void Begin_RandomHeaders_NeverReadsOrWritesOutside()
    {
        var random = new Random(5);
        using var finisher = new FrameFinisher();
        byte[] good = SlowNet.Make(false, SlowNet.Tcp, new byte[400]);
        int cut = 0;
        for (int i = 0; i < 200_000; i++)
        {
            byte[] frame = good[..random.Next(14, good.Length)];
            FrameOffload offload = LargeOffload(good, false, random.Next(1, 500));
            for (int flips = random.Next(4); flips > 0; flips--)
            {
                frame[random.Next(12, Math.Min(60, frame.Length))] = (byte)random.Next(256);
            }

            using var held = new HeldFrame(frame, offload, random.Next(1, 4));
            if (!finisher.TryBegin(held.Batch, held.Frame))
            {
                continue;
            }

            int bytes = 0;
            while (finisher.NextSegments())
            {
                bytes += HeldFrame.BytesOf(finisher.Output).Sum(segment => SlowNet.TcpPayload(segment).Length);
            }

            Assert.Equal(SlowNet.TcpPayload(frame).Length, bytes);
            cut++;
        }

        Assert.True(cut > 1000, $"{cut} frames only were cut");
    }

    internal static FrameOffload LargeOffload(byte[] frame, bool ip6, int mss)
    {
        FrameOffload offload = ChecksumTests.OffloadOf(frame, SlowNet.Tcp);
        offload.SegmentType = ip6 ? FrameOffload.SegmentTcp6 : FrameOffload.SegmentTcp4;
        offload.SegmentBytes = (ushort)mss;
        offload.HeaderBytesHint = 7; // a lie that nobody must believe
        return offload;
    }

    /// <summary>Makes something untrue of a good frame and its offload.</summary>
    private delegate (byte[] Frame, FrameOffload Offload) Lie(byte[] frame, FrameOffload offload);

    private static List<byte[]> Cut(HeldFrame held)
    {
        using var finisher = new FrameFinisher();
        Assert.True(finisher.TryBegin(held.Batch, held.Frame));
        var segments = new List<byte[]>();
        while (finisher.NextSegments())
        {
            segments.AddRange(HeldFrame.BytesOf(finisher.Output));
        }

        Assert.True(segments.Max(segment => segment.Length) <= finisher.SegmentFrameBytesMax);
        return segments;
    }

    private static void CheckSegment(byte[] frame, byte[] segment, int index, int count, int mss)
    {
        SlowNet.Check(segment);
        int ip = SlowNet.IpOf(segment);
        int l4 = SlowNet.L4Of(segment);
        Assert.Equal(frame[..ip], segment[..ip]);
        Assert.Equal(SlowNet.Get32(frame, l4 + 4) + (uint)(index * mss), SlowNet.Get32(segment, l4 + 4));
        byte flags = segment[l4 + 13];
        Assert.Equal(index == count - 1, (flags & Fin) != 0);
        Assert.Equal(index == count - 1, (flags & Push) != 0);
        Assert.Equal(index == 0, (flags & CongestionReduced) != 0);
        Assert.NotEqual(0, flags & Acknowledge);
        if (segment[ip] >> 4 == 4)
        {
            Assert.Equal((SlowNet.Get16(frame, ip + 4) + index) & 0xFFFF, SlowNet.Get16(segment, ip + 4));
        }
    }

    private static byte[] With(byte[] frame, int at, params byte[] bytes)
    {
        byte[] changed = [.. frame];
        bytes.CopyTo(changed, at);
        return changed;
    }
}
