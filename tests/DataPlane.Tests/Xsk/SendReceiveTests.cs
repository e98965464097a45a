using Nf.DataPlane.Tests.Control;
using Nf.DataPlane.Tests.Vhost.Memory;
using Nf.Linux;
using static Nf.Linux.IfXdp;

namespace Nf.DataPlane.Tests.Xsk;

/// <summary>Everything that is sent arrives, in order and unchanged, through UMEMs of every shape.</summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class SendReceiveTests
{
    private const int PageBytes = 4096;

    public static TheoryData<string> Modes => XskWire.Modes;

    public static TheoryData<string, string> ModesAndShapes
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (string shape in Shapes.Keys)
            {
                foreach (string mode in XskWire.ModeNames)
                {
                    data.Add(mode, shape);
                }
            }

            return data;
        }
    }

    private static Dictionary<string, XskEndSetup> Shapes => new()
    {
        ["chunks of 2048"] = new() { ChunkSize = 2048 },
        ["chunks of 4096"] = new() { ChunkSize = 4096 },
        ["headroom"] = new() { ChunkSize = 4096, Headroom = 128 },
        ["unaligned"] = new() { ChunkSize = 3000, Unaligned = true },
        ["unaligned with a tail"] = new() { ChunkSize = 4001, Unaligned = true, Tail = 7 },
        ["metadata"] = new() { ChunkSize = 4096, TxMetadata = 24 },
    };

    [Theory]
    [MemberData(nameof(ModesAndShapes))]
    public void Transfer_ManyFrames_ArriveInOrderByteForByte(string mode, string shape)
    {
        using var wire = new XskWire(mode);
        XskEnd near = wire.Near(Shapes[shape]);
        XskEnd far = wire.Far(Shapes[shape]);

        XskWire.Transfer(near, far, XskWire.Frames(2048));
        XskWire.Transfer(near, far, XskWire.Frames(256, number => 22 + (number * 37 % 1493)));

        uint offset = far.Umem.Geometry.HeadroomBytes + XDP_PACKET_HEADROOM;
        Assert.All(far.Addresses, address => Assert.Equal(offset, address % far.Umem.Geometry.ChunkStrideBytes));
        near.CheckLedger();
        far.CheckLedger();
        Assert.Equal(default, near.Statistics with { tx_ring_empty_descs = 0 });
        Assert.Equal(0ul, far.Statistics.rx_dropped + far.Statistics.rx_ring_full);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Transfer_UnalignedOnHugePages_FramesStraddlePagesAndArrive(string mode)
    {
        using var pages = new HugePagePool(4);
        Assert.True(pages.IsFilled, "no 2 MiB pages can be had here");
        using var wire = new XskWire(mode);
        var setup = new XskEndSetup { ChunkSize = 3001, Unaligned = true, Pages = HugePageSize.Size2MiB };
        XskEnd near = wire.Near(setup);
        XskEnd far = wire.Far(setup);
        Assert.Equal(HugePageSize.Size2MiB, near.Umem.Files.PageSize);

        XskWire.Transfer(near, far, XskWire.Frames(512, 1514));

        Assert.Contains(far.Addresses, address => address / PageBytes != (address + 1513) / PageBytes);
        near.CheckLedger();
        far.CheckLedger();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Transfer_SinglePacket_NeedsNoSecondOneToBePushed(string mode)
    {
        using var wire = new XskWire(mode);
        XskEnd near = wire.Near();
        XskEnd far = wire.Far();
        XskWire.Transfer(near, far, XskWire.Frames(1));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Transfer_BothDirections_ThenEndsChangeRoles(string mode)
    {
        using var wire = new XskWire(mode);
        XskEnd near = wire.Near(receives: true);
        XskEnd far = wire.Far();
        for (int round = 0; round < 10; round++)
        {
            near.Send(XskWire.Frames(32, 100));
            far.Send(XskWire.Frames(32, 200));
            Assert.Equal(XskWire.Frames(32, 100), far.Receive(32));
            Assert.Equal(XskWire.Frames(32, 200), near.Receive(32));
        }

        XskWire.Transfer(far, near, XskWire.Frames(200));
        XskWire.Transfer(near, far, XskWire.Frames(200));
        near.CheckLedger();
        far.CheckLedger();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Teardown_ManyTimes_EachNewEndCarriesTraffic(string mode)
    {
        using var wire = new XskWire(mode);
        for (int round = 0; round < 10; round++)
        {
            XskEnd near = wire.Near(receives: true);
            XskEnd far = wire.Far();
            XskWire.Transfer(near, far, XskWire.Frames(50));
            XskWire.Transfer(far, near, XskWire.Frames(50));
            wire.Close(far);
            wire.Close(near);
        }
    }

    [Theory]
    [InlineData(64, 1)]
    [InlineData(64, 63)]
    [InlineData(2048, 64)]
    [InlineData(8192, 2048)]
    [InlineData(65536, 8192)]
    public void Transfer_RingsAndBatchesOfEverySize_LoseNothing(uint ring, int batch)
    {
        using var wire = new XskWire();
        var setup = new XskEndSetup { Chunks = 32768, Rx = ring, Tx = ring, Fill = ring, Completion = ring };
        XskEnd near = wire.Near(setup);
        XskEnd far = wire.Far(setup);

        // A veth has room for 256 frames that its other end did not look at yet; it does so during our call.
        XskWire.Transfer(near, far, XskWire.Frames(Math.Max(300, 2 * batch)), batch);

        near.CheckLedger();
        far.CheckLedger();
    }
}
