using System.Net.Sockets;
using Nf.DataPlane.Control;
using Nf.DataPlane.Forwarding;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Ports;
using Nf.DataPlane.Tests.Xdp;
using Nf.Linux;
using Nf.SharedMemory.Rings;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Review;

/// <summary>Frames, rings and records at their borders.</summary>
[Trait("Tier", "kernel")]
public sealed unsafe class FrameAndRecoveryTests
{
    [Theory]
    [InlineData("u")]
    [InlineData("other")]
    public void Forward_FrameOfMoreDescriptorsThanABurst_IsDroppedAndTheNextGoesOn(string umemOfPeer)
    {
        using var lab = VethLab.Create(rxQueues: 2);
        using var store = new MemoryStore();
        using var life = new ReviewLife(store);
        lab.Outside($"link set {VethLab.Peer} mtu 60000");
        UmemResource umem = life.CreateUmem("u", 4096, headroom: 1344);
        life.CreateUmem("other", 1024);
        XskResource socket = life.Bound(lab, "a", "u", 0, ring: 1024, scatterGather: true);
        lab.Inside($"link set {VethLab.Device} mtu 60000");
        life.Bound(lab, "b", umemOfPeer, 1, ring: 1024, scatterGather: true);
        life.Link("l", "a", "b");

        using Socket sender = lab.ConnectOutside(9);
        sender.Send(new byte[50_000]);
        sender.Send(new byte[100]);

        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                socket.Umem.Worker.RunOnce();
                return socket.Port!.Traffic.RxPackets == 2;
            },
            TimeSpan.FromSeconds(5)));
        Assert.Equal(1u, socket.Port!.Drops[(int)DropReason.TooManySegments]);
        Assert.Equal(1u, socket.Port.Traffic.LinkPackets);
        Assert.Equal("", umem.Audit().Fault);
    }

    [Fact]
    public void Recovery_ReceivingPortIsGone_WhatWasNotSubmittedIsFreeAgain()
    {
        using var lab = VethLab.Create(rxQueues: 2);
        using var store = new MemoryStore();
        using var life = new ReviewLife(store);
        UmemResource umem = life.CreateUmem("u", 256);
        XskResource gone = life.Bound(lab, "gone", "u", 0);
        XskResource there = life.Bound(lab, "there", "u", 1);
        XskPort peer = there.Port!;
        Assert.True(umem.Memory.Pool.TryPop(out uint chunk));
        peer.Tx[peer.Tx.Submitted] = new xdp_desc { addr = umem.Memory.AddressOf(chunk), len = 60 };
        umem.Memory.SetOwner(chunk, peer.Pool.TxOwner);
        WorkerRecord* record = life.State.Record(0);
        record->RxPort = gone.Slot;
        record->TxPort = there.Slot;
        record->TxTarget = peer.Tx.Submitted + 1;
        record->BurstOpen = 1;

        PortRecovery.Run(
            life.State, new Dictionary<int, XskPort> { [there.Slot] = peer }, [umem.Memory],
            life.Resources.PortCounters);

        Assert.Equal(ChunkOwner.Free, umem.Memory.OwnerOf(chunk));
        Assert.Equal(0u, record->BurstOpen);
    }

    [Fact]
    public void Worker_PeerShowsAnImpossibleIndex_TheOthersHaveTheirTurn()
    {
        using var lab = VethLab.Create(rxQueues: 2);
        using var store = new MemoryStore();
        using var life = new ReviewLife(store);
        UmemResource umem = life.CreateUmem("u", 256);
        XskResource sound = life.Bound(lab, "sound", "u", 0);
        XskResource broken = life.Bound(lab, "broken", "u", 1);
        life.Link("l", "sound", "broken");
        using var rings = new XskRings(broken.Port!.Socket);
        ConsumerRing<xdp_desc> end = rings.KernelEnds(new RingSize(64)).Tx;
        broken.Port.Tx.TryReserve(65 - Forwarder.BurstMax, out _);
        end.Unpeek(5000);
        end.Release();

        umem.Worker.RunGuarded();
        broken.Port.IsUp = true;
        umem.Worker.RunOnce();

        Assert.Single(life.Faults);
        Assert.False(broken.Port.IsUp);
        Assert.Equal(1, umem.Worker.PortCount);
        Assert.True(sound.Port!.IsUp);
    }
}
