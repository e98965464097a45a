using System.Globalization;
using Nf.DataPlane.Tests.Control;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Xsk;

/// <summary>Frames of several chunks.</summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class MultiBufferTests
{
    private const int Mtu = 9000;

    private static readonly XskEndSetup Plain = new() { ScatterGather = true, Chunks = 1024 };
    private static readonly XskEndSetup Unaligned = Plain with { ChunkSize = 3000, Unaligned = true };

    public static TheoryData<string> Modes => XskWire.Modes;

    public static TheoryData<string, bool> ModesAndAlignments
    {
        get
        {
            var data = new TheoryData<string, bool>();
            foreach (string mode in XskWire.ModeNames)
            {
                data.Add(mode, false);
                data.Add(mode, true);
            }

            return data;
        }
    }

    private static int PiecesMax { get; } =
        int.Parse(File.ReadAllText("/proc/sys/net/core/max_skb_frags"), CultureInfo.InvariantCulture) + 1;

    [Theory]
    [MemberData(nameof(ModesAndAlignments))]
    public void Transfer_JumboFrames_ArriveByteForByte(string mode, bool unaligned)
    {
        using var wire = new XskWire(mode, Mtu);
        XskEnd near = wire.Near(unaligned ? Unaligned : Plain);
        XskEnd far = wire.Far(unaligned ? Unaligned : Plain);

        XskWire.Transfer(near, far, XskWire.Frames(200, Mtu), batch: 8);
        XskWire.Transfer(near, far, XskWire.Frames(200, number => 60 + (number * 97 % 8900)), batch: 8);

        near.CheckLedger();
        far.CheckLedger();
    }

    [Theory]
    [MemberData(nameof(ModesAndAlignments))]
    public void Send_InvalidPieceInTheMiddle_WholeFrameIsRefusedAndTheNextArrives(string mode, bool unaligned)
    {
        using var wire = new XskWire(mode, Mtu);
        XskEnd near = wire.Near(unaligned ? Unaligned : Plain);
        XskEnd far = wire.Far(unaligned ? Unaligned : Plain);
        byte[][] frames = XskWire.Frames(10, 5000);
        foreach (byte[] frame in frames)
        {
            near.Put(frame);
            near.Put(
                new byte[3000], pieceBytes: 1000,
                (ref xdp_desc descriptor, int piece) =>
                {
                    descriptor.len = piece == 1 ? near.Umem.Geometry.ChunkSizeBytes + 1 : descriptor.len;
                });
            near.Flush();
        }

        Assert.Equal(frames, far.Receive(10));
        Assert.InRange(near.Statistics.tx_invalid_descs, 10ul, 30ul);
        near.CheckLedger();
        far.CheckLedger();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Send_MostPiecesAndOneMore_OneMoreIsRefusedAndTheNextArrives(string mode)
    {
        using var wire = new XskWire(mode, Mtu);
        XskEnd near = wire.Near(Plain);
        XskEnd far = wire.Far(Plain);
        const int pieceBytes = 100;
        byte[] most = PacketWire.Frame(1, PiecesMax * pieceBytes);
        byte[] next = PacketWire.Frame(2, 700);

        Assert.Equal(PiecesMax, near.Put(most, pieceBytes).Count);
        near.Flush();
        Assert.Equal(most, Assert.Single(far.Receive(1)));
        Assert.Equal(0ul, near.Statistics.tx_invalid_descs);

        Assert.Equal(PiecesMax + 1, near.Put(new byte[(PiecesMax + 1) * pieceBytes], pieceBytes).Count);
        near.Put(next, pieceBytes);
        near.Flush();

        Assert.Equal(next, Assert.Single(far.Receive(1)));
        Assert.Equal((ulong)PiecesMax + 1, near.Statistics.tx_invalid_descs);
        near.CheckLedger();
        far.CheckLedger();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Receive_FrameOfSeveralChunksWithoutScatterGather_IsDroppedAndTheNextArrives(string mode)
    {
        using var wire = new XskWire(mode, mtu: 3000);
        XskEnd near = wire.Near(new XskEndSetup { ChunkSize = 4096 });
        XskEnd far = wire.Far();
        byte[] small = PacketWire.Frame(2, 60);

        near.Send([PacketWire.Frame(1, 3000), small]);

        Assert.Equal(small, Assert.Single(far.Receive(1)));
        Assert.Equal(1ul, far.Statistics.rx_dropped);
        far.CheckLedger();
    }
}
