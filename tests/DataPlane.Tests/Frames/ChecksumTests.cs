using System.Runtime.CompilerServices;
using Nf.DataPlane.Frames;

namespace Nf.DataPlane.Tests.Frames;

public unsafe class ChecksumTests
{
    public static TheoryData<bool, int, int> Kinds
    {
        get
        {
            var kinds = new TheoryData<bool, int, int>();
            foreach (bool ip6 in new[] { false, true })
            {
                foreach (int protocol in new[] { SlowNet.Tcp, SlowNet.Udp })
                {
                    for (int tags = 0; tags < 3; tags++)
                    {
                        kinds.Add(ip6, protocol, tags);
                    }
                }
            }

            return kinds;
        }
    }

    [Fact]
    public void Sum_AnyLengthAndAddress_IsThatOfTheSlowOne()
    {
        byte[] bytes = GC.AllocateUninitializedArray<byte>(70_000, pinned: true);
        new Random(1).NextBytes(bytes);
        bytes.AsSpan(1000, 2000).Fill(0xFF);
        var data = (byte*)Unsafe.AsPointer(ref bytes[0]);
        foreach (int length in Enumerable.Range(0, 300).Concat([1460, 1499, 8191, 65535]))
        {
            foreach (int start in new[] { 0, 1, 2, 3, 990, 1000 })
            {
                ushort sum = InternetChecksum.Finish(InternetChecksum.Sum(data + start, (uint)length));
                ushort expected = (ushort)~SlowNet.Sum(bytes.AsSpan(start, length).ToArray());
                Assert.True(expected == InternetChecksum.Word(sum), $"{length} bytes at {start}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Complete_AnyProtocolAndTags_IsRight(bool ip6, int protocol, int tags)
    {
        foreach (int length in new[] { 0, 1, 2, 31, 64, 1400, 1401, 9000 })
        {
            byte[] payload = new byte[length];
            new Random(length).NextBytes(payload);
            byte[] frame = SlowNet.Make(ip6, protocol, payload, tags);
            Assert.True(TryComplete(frame, OffloadOf(frame, protocol)));
            SlowNet.Check(frame);
        }
    }

    [Fact]
    public void Complete_SumIsZero_BecomesAllOnes()
    {
        // The two bytes of payload are chosen so that everything adds up to 0xFFFF.
        byte[] frame = SlowNet.Make(false, SlowNet.Udp, [0, 0]);
        int l4 = SlowNet.L4Of(frame);
        SlowNet.Put16(frame, frame.Length - 2, (ushort)~SlowNet.Sum(frame[l4..]));
        Assert.True(TryComplete(frame, OffloadOf(frame, SlowNet.Udp)));
        Assert.Equal(0xFFFF, SlowNet.Get16(frame, l4 + 6));
        SlowNet.Check(frame);
    }

    [Theory]
    [InlineData(13, 6)]
    [InlineData(0, 0)]
    [InlineData(34, 25)]
    [InlineData(59, 0)]
    [InlineData(60, 0)]
    [InlineData(0xFFFF, 0)]
    [InlineData(34, 0xFFFF)]
    [InlineData(0xFFFF, 0xFFFF)]
    public void Complete_FieldOutsideOfTheFrame_IsRefused(int start, int offset)
    {
        byte[] frame = new byte[60];
        Assert.False(TryComplete(frame, new FrameOffload
        {
            Flags = FrameOffload.NeedsChecksum,
            ChecksumStart = (ushort)start,
            ChecksumOffset = (ushort)offset,
        }));
        Assert.Equal(new byte[60], frame);
    }

    [Fact]
    public void Complete_LastTwoBytes_AreInside()
    {
        byte[] frame = new byte[60];
        Assert.True(TryComplete(frame, new FrameOffload
        {
            Flags = FrameOffload.NeedsChecksum,
            ChecksumStart = 14,
            ChecksumOffset = 44,
        }));
        Assert.Equal(0xFFFF, SlowNet.Get16(frame, 58));
    }

    internal static FrameOffload OffloadOf(byte[] frame, int protocol) => new()
    {
        Flags = FrameOffload.NeedsChecksum,
        ChecksumStart = (ushort)SlowNet.L4Of(frame),
        ChecksumOffset = (ushort)SlowNet.ChecksumOffset(protocol),
    };

    private static bool TryComplete(byte[] frame, FrameOffload offload)
    {
        fixed (byte* data = frame)
        {
            return ChecksumCompletion.TryComplete(data, (uint)frame.Length, offload);
        }
    }
}
