using Nf.DataPlane.Forwarding;
using Nf.DataPlane.Lab;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Tests.Ports;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Forwarding;

public unsafe class ForwarderTests
{
    [Fact]
    public void Forward_SameUmem_MovesTheDescriptorAndNothingElse()
    {
        using var rig = new Rig(new LabUmem(128));
        rig.Round();
        rig.Receive(0, LabFrame.Make(7, 100));
        ulong received = rig.Life.Ports[0].Rx[0].addr;
        Assert.Equal(1u, rig.Round());
        Assert.Equal(received, rig.Life.Ports[1].Tx[0].addr);
        rig.Settle();
        Assert.Equal(LabFrame.Make(7, 100), Assert.Single(rig.Sent[1]));
        Assert.Equal(100u, rig.Traffic(0).RxBytes);
        Assert.Equal(100u, rig.Traffic(1).TxBytes);
        Assert.Equal(100u, rig.Traffic(0).LinkBytes);
        rig.CheckSums();
    }

    [Fact]
    public void Forward_BothWays_KeepsOrder()
    {
        using var rig = new Rig(new LabUmem(128));
        rig.Round();
        for (ulong i = 0; i < 500; i++)
        {
            rig.Receive(0, LabFrame.Make(i, 60));
            rig.Receive(1, LabFrame.Make(1000 + i, 64));
            if (i % 7 == 0)
            {
                rig.Round();
                rig.Send();
            }
        }

        rig.Settle();
        Assert.Equal(Enumerable.Range(0, 500).Select(i => (ulong)i), rig.Sent[1].Select(LabFrame.NumberOf));
        Assert.Equal(Enumerable.Range(1000, 500).Select(i => (ulong)i), rig.Sent[0].Select(LabFrame.NumberOf));
        Assert.All(rig.Sent[0].Concat(rig.Sent[1]), frame => Assert.True(LabFrame.IsIntact(frame)));
        rig.CheckSums();
    }

    [Fact]
    public void Forward_OwnPeer_SendsBackWhereItCame()
    {
        using var rig = new Rig([new LabUmem(128)], new LabPort(0, 0));
        rig.Round();
        for (ulong i = 0; i < 200; i++)
        {
            rig.Receive(0, LabFrame.Make(i, 60));
            rig.Round();
            rig.Send();
        }

        rig.Settle();
        Assert.Equal(Enumerable.Range(0, 200).Select(i => (ulong)i), rig.Sent[0].Select(LabFrame.NumberOf));
        Assert.Equal(200u, rig.Traffic(0).TxPackets);
        rig.CheckSums();
    }

    [Fact]
    public void Forward_TxRingFull_LeavesPacketsInTheRxRing()
    {
        using var rig = new Rig([new LabUmem(512)], new LabPort(0, 1, 256), new LabPort(0, 0));
        rig.Round();
        for (ulong i = 0; i < 100; i++)
        {
            rig.Receive(0, LabFrame.Make(i, 60));
        }

        // The last of these rounds finds the ring full.
        for (uint room = 0; room <= 64; room += Forwarder.BurstMax)
        {
            rig.Round();
        }

        Assert.Equal(64u, rig.Life.Ports[1].Tx.Level);
        Assert.Equal(36u, rig.Life.Ports[0].Rx.Level);
        Assert.Equal(64u, rig.Traffic(0).RxPackets);
        Assert.True(rig.Life.Ports[0].Rings.Backpressure >= 1);
        Assert.Equal(0u, rig.Drops(0));
        rig.CheckSums();
        rig.Settle();
        Assert.Equal(100, rig.Sent[1].Count);
        rig.CheckSums();
    }

    [Theory]
    [InlineData(13, 1518u, DropReason.TooShort)]
    [InlineData(0, 1518u, DropReason.TooShort)]
    [InlineData(1519, 1518u, DropReason.TooLarge)]
    [InlineData(15, 14u, DropReason.TooLarge)]
    public void Forward_FrameThatCannotBeSent_IsDroppedWithItsReason(int length, uint frameBytesMax, DropReason reason)
    {
        foreach (LabUmem[] umems in new LabUmem[][] { [new(128)], [new(128), new(128)] })
        {
            using var rig = new Rig(umems);
            rig.Life.Ports[1].FrameBytesMax = frameBytesMax;
            rig.Round();
            rig.Receive(0, LabFrame.Make(1, length), LabFrame.Make(2, 14), LabFrame.Make(3, length));
            rig.Settle();
            Assert.Equal(2u, rig.Drops(0, reason));
            Assert.Equal(2u, rig.Drops(0));
            Assert.Equal(14, Assert.Single(rig.Sent[1]).Length);
            rig.CheckSums();
        }
    }

    [Fact]
    public void Forward_LongestFrame_IsSent()
    {
        using var rig = new Rig(new LabUmem(128));
        rig.Round();
        rig.Receive(0, LabFrame.Make(1, 14), LabFrame.Make(2, 1518));
        rig.Settle();
        Assert.Equal([14, 1518], rig.Sent[1].Select(frame => frame.Length));
    }

    [Fact]
    public void Run_PeerDownOrNone_DropsWithThatReason()
    {
        using var rig = new Rig(new LabUmem(128));
        rig.Round();
        rig.Life.Ports[1].IsUp = false;
        rig.Receive(0, LabFrame.Make(1, 60), LabFrame.Make(2, 60));
        rig.Settle();
        Assert.Equal(2u, rig.Drops(0, DropReason.PeerDown));
        rig.Life.Ports[0].Peer = null;
        rig.Receive(0, LabFrame.Make(3, 60));
        rig.Settle();
        Assert.Equal(1u, rig.Drops(0, DropReason.NoLink));
        Assert.Equal(3u, rig.Traffic(0).RxPackets);
        Assert.Empty(rig.Sent[1]);
        rig.CheckSums();
        rig.Life.Ports[0].Peer = rig.Life.Ports[1];
        rig.Life.Ports[1].IsUp = true;
        rig.Receive(0, LabFrame.Make(4, 60));
        rig.Settle();
        Assert.Single(rig.Sent[1]);
    }

    public static TheoryData<string, ulong, uint> Lies => new()
    {
        { "outside of the UMEM", 128 * 2048, 60 },
        { "far outside", ulong.MaxValue, 60 },
        { "a chunk number that is right modulo 2^32", 1UL << 43, 60 },
        { "a chunk that it was not given", 127 * 2048, 60 },
        { "a chunk of the other port", 60 * 2048, 60 },
        { "outside, and long", ulong.MaxValue - 5, uint.MaxValue },
    };

    [Theory]
    [MemberData(nameof(Lies))]
    public void Forward_DescriptorThatIsALie_IsDroppedAsInvalid(string what, ulong address, uint length)
    {
        foreach (LabUmem[] umems in new LabUmem[][] { [new(128)], [new(128), new(128)] })
        {
            using var rig = new Rig(umems);
            rig.Round();
            if (umems.Length == 2 && address == 60 * 2048)
            {
                continue; // there, it is one of its own
            }

            rig.Receive(0, LabFrame.Make(1, 60));
            rig.Kernel.Lie(0, new xdp_desc { addr = address, len = length });
            rig.Receive(0, LabFrame.Make(2, 60));
            rig.Settle();
            Assert.True(rig.Drops(0, DropReason.InvalidDescriptor) == 1, what);
            Assert.Equal([1ul, 2ul], rig.Sent[1].Select(LabFrame.NumberOf));
            rig.CheckSums();
        }
    }

    [Fact]
    public void Forward_SameChunkReceivedTwice_IsSentOnce()
    {
        foreach (LabUmem[] umems in new LabUmem[][] { [new(128)], [new(128), new(128)] })
        {
            using var rig = new Rig(umems);
            rig.Round();
            rig.Receive(0, LabFrame.Make(1, 60));
            rig.Kernel.Lie(0, rig.Life.Ports[0].Rx[0]);
            rig.Settle();
            rig.CheckSums();

            // The count of chunks that the kernel has did not drift: one that underflows ends all receiving.
            rig.Receive(0, LabFrame.Make(2, 60));
            rig.Settle();
            Assert.Equal(2ul, LabFrame.NumberOf(rig.Sent[1][^1]));
            rig.CheckSums();
        }
    }

    [Fact]
    public void Discard_DescriptorThatIsALie_IsCountedAsInvalid()
    {
        using var rig = new Rig([new LabUmem(128)], new LabPort(0, -1));
        rig.Round();
        rig.Kernel.Lie(0, new xdp_desc { addr = 127 * 2048, len = 60 });
        rig.Receive(0, LabFrame.Make(2, 60));
        rig.Settle();
        Assert.Equal(1u, rig.Drops(0, DropReason.InvalidDescriptor));
        Assert.Equal(1u, rig.Drops(0, DropReason.NoLink));
        rig.CheckSums();
    }

    [Fact]
    public void Forward_Options_AreNotPassedOn()
    {
        using var rig = new Rig(new LabUmem(128));
        rig.Round();
        ulong chunk = rig.Kernel.TakeFill(0);
        rig.Kernel.Lie(0, new xdp_desc { addr = chunk + 256, len = 60, options = uint.MaxValue });
        rig.Round();
        Assert.Equal(0u, rig.Life.Ports[1].Tx[0].options);
    }

    [Fact]
    public void Rounds_EveryChunkInTheKernel_StillMoves()
    {
        // Four chunks, of which the kernel has three at a time.
        using var rig = new Rig([new LabUmem(4)], new LabPort(0, 1), new LabPort(0, 0));
        rig.Round();
        for (ulong i = 0; i < 50; i++)
        {
            rig.Receive(0, LabFrame.Make(i, 60));
            rig.Settle();
        }

        Assert.Equal(50, rig.Sent[1].Count);
        Assert.Equal(ChunkOwner.Free, rig.Life.Umems[0].OwnerOf(rig.Life.Umems[0].Pool.At(0)));
        rig.CheckSums();
    }
}
