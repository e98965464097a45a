using Nf.DataPlane.Tests.Control;
using Nf.Linux;
using static Nf.Linux.IfXdp;

namespace Nf.DataPlane.Tests.Xsk;

/// <summary>
/// Descriptors that nobody should write: the kernel refuses them, and since 2026 returns whatever address they had. The
/// pool and the ledger survive that, and valid ones around them arrive.
/// </summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class InvalidDescriptorTests
{
    private const uint Length = 64;

    public static TheoryData<string> Modes => XskWire.Modes;

    public static TheoryData<string, uint, bool, uint> Shapes
    {
        get
        {
            var data = new TheoryData<string, uint, bool, uint>();
            foreach (string mode in XskWire.ModeNames)
            {
                data.Add(mode, 2048, false, 0);
                data.Add(mode, 4096, false, 0);
                data.Add(mode, 3000, true, 0);
                data.Add(mode, 4001, true, 100);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Send_ValidAndInvalidDescriptors_OnlyValidOnesArrive(
        string mode, uint chunkSize, bool unaligned, uint tail)
    {
        using var wire = new XskWire(mode);
        XskEnd near = wire.Near(new XskEndSetup { ChunkSize = chunkSize, Unaligned = unaligned, Tail = tail });
        XskEnd far = wire.Far();
        ulong size = near.Umem.Geometry.SizeBytes;
        ulong inLast = near.Umem.AddressOf(near.Umem.ChunkCount - 1) + chunkSize - Length;
        (ulong Address, uint Length, uint Options, bool Valid)[] rows =
        [
            (0, Length, 0, true),
            (unchecked((ulong)-2), Length, 0, false),
            (chunkSize, chunkSize + 1, 0, false),
            (chunkSize, 0, 0, false),
            (chunkSize, Length, 0x80, false),
            (inLast, Length, 0, true),
            (size, Length, 0, false),
            (size - (Length / 2), Length, 0, false),
            (size * 4096, Length, 0, false),
            (4096 - (Length / 2), Length, 0, unaligned),
            (2048 - (Length / 2), Length, 0, unaligned || chunkSize > 2048),
            ((2 * chunkSize) + 100, Length, 0, true),
        ];

        var expected = new List<byte[]>();
        foreach ((ulong address, uint length, uint options, bool valid) in rows)
        {
            if (valid)
            {
                expected.Add(PacketWire.Frame((ulong)expected.Count + 1, (int)Length));
                Claim(near, address, expected[^1]);
            }

            near.PutRaw(new xdp_desc { addr = address, len = length, options = options });
            near.Flush();
            near.CheckLedger();
        }

        Assert.Equal(expected, far.Receive(expected.Count));
        int invalid = rows.Count(row => !row.Valid);
        Assert.Equal((ulong)invalid, near.Statistics.tx_invalid_descs);
        CheckWild(near, (ulong)invalid);
        XskWire.Transfer(near, far, XskWire.Frames(600));
        near.CheckLedger();
        far.CheckLedger();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Send_InvalidInTheMiddleOfABatch_FlushTakesTheRest(string mode)
    {
        using var wire = new XskWire(mode);
        XskEnd near = wire.Near();
        XskEnd far = wire.Far();
        byte[][] frames = XskWire.Frames(60);
        for (int i = 0; i < frames.Length; i++)
        {
            near.Put(frames[i]);
            if (i % 10 == 5)
            {
                near.PutRaw(new xdp_desc { addr = ulong.MaxValue, len = Length });
            }
        }

        near.Flush();

        Assert.Equal(frames, far.Receive(frames.Length));
        Assert.Equal(6ul, near.Statistics.tx_invalid_descs);
        near.CheckLedger();
    }

    // What comes back names a chunk that exists and is not out for sending: were it freed, two would have it.
    [Fact]
    public void Completion_NamesAChunkThatTheKernelReceivesInto_IsWildAndTheChunkStaysThere()
    {
        using var wire = new XskWire();
        XskEnd near = wire.Near(receives: true);
        XskEnd far = wire.Far();
        ulong posted = near.Pool.Fill[near.Pool.Fill.Consumed];
        Assert.True(near.Umem.TryChunkOf(posted, out uint chunk));
        uint free = near.Umem.Pool.Count;

        near.PutRaw(new xdp_desc { addr = posted, len = 0 });
        near.Flush();

        CheckWild(near, 1);
        Assert.Equal(near.Pool.FillOwner, near.Umem.OwnerOf(chunk));
        Assert.Equal(free, near.Umem.Pool.Count);
        XskWire.Transfer(far, near, XskWire.Frames(300));
        near.CheckLedger();
    }

    // XDP_TX_METADATA where the UMEM has no area for it: the kernel takes it never, and says so again and again.
    [Fact]
    public void Completion_OfADescriptorThatSticks_IsWildEachTimeUntilItIsMended()
    {
        using var wire = new XskWire();
        XskEnd near = wire.Near();
        XskEnd far = wire.Far();
        byte[] frame = PacketWire.Frame(1, (int)Length);
        ulong address = near.Umem.AddressOf(100);
        uint index = near.Port.Tx.Submitted;
        unsafe
        {
            frame.CopyTo(new Span<byte>(near.Umem.Base + address, frame.Length));
        }

        near.PutRaw(new xdp_desc { addr = address, len = Length, options = XDP_TX_METADATA });
        for (int i = 0; i < 3; i++)
        {
            near.Port.Flush();
            near.Pool.ReapCompletions();
            Assert.Equal(1u, near.Port.Tx.Level);
        }

        near.Port.Tx[index].options = 0;
        near.Flush();

        Assert.Equal(frame, Assert.Single(far.Receive(1)));
        XskEnd.Until(
            () =>
            {
                near.Pool.ReapCompletions();
                return near.Umem.WildCompletions != 0;
            },
            "what was never said to be out for sending to come back");
        near.CheckLedger();
        XskWire.Transfer(near, far, XskWire.Frames(600));
        near.CheckLedger();
    }

    [Theory]
    [InlineData(13)]
    [InlineData(1519)]
    [InlineData(2048)]
    public void Send_LengthThatTheDeviceRefuses_IsDroppedThereAndItsChunkComesBack(int length)
    {
        using var wire = new XskWire();
        XskEnd near = wire.Near();
        XskEnd far = wire.Far();

        near.Put(new byte[length]);
        near.Flush();
        near.CheckLedger();

        Assert.Equal((0ul, 0ul), (near.Statistics.tx_invalid_descs, near.Umem.WildCompletions));
        XskWire.Transfer(near, far, XskWire.Frames(10));
    }

    // Kernels before 2026 do not return what they refuse.
    private static void CheckWild(XskEnd end, ulong invalid)
    {
        end.Pool.ReapCompletions();
        Assert.Contains(end.Umem.WildCompletions, new[] { 0ul, invalid });
    }

    // Takes the very chunk that an address is in for sending, and writes a frame there.
    private static unsafe void Claim(XskEnd end, ulong address, byte[] frame)
    {
        Assert.True(end.Umem.TryChunkOf(address, out uint wanted));
        var others = new Stack<uint>();
        uint chunk;
        while (end.Umem.Pool.TryPop(out chunk) && chunk != wanted)
        {
            others.Push(chunk);
        }

        Assert.Equal(wanted, chunk);
        while (others.TryPop(out uint other))
        {
            end.Umem.Pool.Push(other);
        }

        end.Umem.SetOwner(wanted, end.Pool.TxOwner);
        end.Pool.Hold(fill: 0, tx: 1);
        frame.CopyTo(new Span<byte>(end.Umem.Base + address, frame.Length));
    }
}
