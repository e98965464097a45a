using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Frames;
using Nf.DataPlane.Lab;
using Nf.DataPlane.Ports;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Cpumaps;

// Frames of one worker's ports through the queues of others.
public unsafe class CrossingTests
{
    private static LabPlan Same => LabPlan.Of("same");

    [Theory]
    [InlineData("same")]
    [InlineData("copies")]
    [InlineData("segments")]
    [InlineData("merge")]
    [InlineData("hairpin")]
    [InlineData("to-guest")]
    public void Frames_ThroughTwoEntriesAndBack_ArriveWholeAndInOrder(string plan)
    {
        using var rig = new CrossingRig(LabPlan.Of(plan), entries: 2);
        rig.Spread(0, new ByNumber(2));
        int to = LabPlan.Of(plan).Ports[0].Peer;
        rig.Settle();
        for (ulong i = 0; i < 500; i++)
        {
            int length = LabPlan.Of(plan).Ports[0].SegmentsMax > 1 && i % 10 == 0 ? 4000 : 60 + (int)i;
            rig.Rig.Receive(0, LabFrame.Make(i, length));
            if (i % 7 == 0)
            {
                rig.Settle();
            }
        }

        rig.Settle();
        Assert.Equal(500, rig.Rig.Sent[to].Count);
        Assert.All(rig.Rig.Sent[to], frame => Assert.True(LabFrame.IsIntact(frame)));
        foreach (ulong entry in new ulong[] { 0, 1 })
        {
            ulong[] numbers = [.. rig.Rig.Sent[to].Select(LabFrame.NumberOf).Where(number => number % 2 == entry)];
            Assert.Equal(numbers.Order(), numbers);
        }

        Assert.Equal(500ul, rig.Rig.Traffic(0).LinkPackets);
        Assert.Equal(250ul, rig.Entries[0].Traffic.RxPackets);
        rig.CheckSums();
    }

    [Fact]
    public void Frames_OfOneUmem_LeaveWithTheirChunks()
    {
        using var rig = new CrossingRig(Same, entries: 1);
        rig.Spread(0, new CrossingSelector.Fixed(0));
        rig.Settle();
        rig.Rig.Receive(0, LabFrame.Make(1, 60));
        byte* before = null;
        rig.Workers[0].RunOnce();
        rig.Entries[0].Ring.TryPeek(out ulong token);
        rig.Entries[0].Ring.Unpeek();
        before = rig.Homes[0].Records.At(FrameToken.RecordOf(token))->Span.Data;
        rig.Workers[1].RunOnce();
        rig.Workers[0].RunOnce();
        XskPort peer = rig.Port(1);
        Assert.Equal(1u, peer.Tx.Level);
        Assert.Equal((ulong)(before - peer.Umem.Base), peer.Tx[peer.Tx.Consumed].addr);
        rig.Settle();
        rig.CheckSums();
    }

    // Case 101: the kernel's bulk of eight, pushed before the ninth is added.
    [Theory]
    [InlineData(7, 0)]
    [InlineData(8, 0)]
    [InlineData(9, 8)]
    [InlineData(17, 16)]
    public void Bulk_OfEight_IsPushedBeforeTheNextIsAdded(int frames, uint pushedAtOnce)
    {
        using var rig = new CrossingRig(Same, entries: 1);
        CrossingIn way = rig.Spread(0, new CrossingSelector.Fixed(0));
        rig.Settle();
        using var batch = new FrameBatch();
        for (int i = 0; i < frames; i++)
        {
            rig.Rig.Receive(0, LabFrame.Make((ulong)i, 60));
        }

        var burst = default(Burst);
        rig.Port(0).Receive(batch, FrameBatch.CountMax, ref burst);
        way.Send(FrameSelection.All(batch), ref burst);
        rig.Port(0).Release(batch);
        Assert.Equal(pushedAtOnce, rig.Entries[0].Ring.Level);
        Assert.Equal((uint)frames - pushedAtOnce, (uint)way.Lane(0)!.Count);
        Assert.True(way.NeedsFlush);
        way.Flush();
        Assert.Equal((uint)frames, rig.Entries[0].Ring.Level);
        Assert.Equal((ulong)frames, way.Lane(0)!.Enqueued);
        Assert.Equal((ulong)((frames + 7) / 8), way.Lane(0)!.Bulks);
    }

    // Case 102.
    [Fact]
    public void Flush_RoundThatReceivesNothing_PushesWhatIsStaged()
    {
        using var rig = new CrossingRig(Same, entries: 1);
        CrossingIn way = rig.Spread(0, new CrossingSelector.Fixed(0));
        rig.Settle();
        using var batch = new FrameBatch();
        rig.Rig.Receive(0, LabFrame.Make(1, 60));
        var burst = default(Burst);
        rig.Port(0).Receive(batch, 1, ref burst);
        way.Send(FrameSelection.All(batch), ref burst);
        rig.Port(0).Release(batch);
        Assert.Equal(0u, rig.Entries[0].Ring.Level);
        Assert.Equal(0u, rig.Workers[0].RunOnce());
        Assert.Equal(1u, rig.Entries[0].Ring.Level);
    }

    // Case 103.
    [Fact]
    public void Send_QueueFull_DropsCountsAndRecyclesTheChunks()
    {
        using var rig = new CrossingRig(Same, entries: 1, queueSize: 5);
        CrossingIn way = rig.Spread(0, new CrossingSelector.Fixed(0));
        rig.Settle();
        uint free = rig.Port(0).Umem.Pool.Count;
        for (ulong i = 0; i < 30; i++)
        {
            rig.Rig.Receive(0, LabFrame.Make(i, 60));
        }

        rig.Workers[0].RunOnce();
        Assert.Equal(25ul, rig.Rig.Drops(0, DropReason.CpumapFull));
        Assert.Equal(5ul, rig.Port(0).Rings.HandedOver);
        Assert.Equal((30ul, 25ul, 4ul), (way.Lane(0)!.Enqueued, way.Lane(0)!.EnqueueDrops, way.Lane(0)!.Bulks));
        LedgerAudit.Result ledger = LedgerAudit.Run(rig.Port(0).Umem, [rig.Port(0), rig.Port(1)]);
        Assert.Equal((5ul, ""), (ledger.Worker, ledger.Fault));
        rig.Settle();
        Assert.Equal(free, rig.Port(0).Umem.Pool.Count);
        Assert.Equal([0ul, 1, 2, 3, 4], rig.Rig.Sent[1].Select(LabFrame.NumberOf));
        rig.CheckSums();
    }

    [Fact]
    public void WayOn_QueueFull_IsCountedWhereTheFrameWasReceived()
    {
        using var rig = new CrossingRig(Same, entries: 1);
        rig.Spread(0, new CrossingSelector.Fixed(0), wayOnSize: 3);
        rig.Settle();
        for (ulong i = 0; i < 20; i++)
        {
            rig.Rig.Receive(0, LabFrame.Make(i, 60));
        }

        rig.Settle();
        Assert.Equal(17ul, rig.Rig.Drops(0, DropReason.CpumapFull));
        Assert.Equal(3, rig.Rig.Sent[1].Count);
        rig.CheckSums();
    }

    [Fact]
    public void Send_NoEntryOrNoRecord_IsDroppedWithItsReason()
    {
        using var rig = new CrossingRig(Same, entries: 1, records: new FrameRecords(count: 4, blocks: 1));
        CrossingIn way = rig.Spread(0, new CrossingSelector.Fixed(0));
        rig.Settle();
        for (ulong i = 0; i < 6; i++)
        {
            rig.Rig.Receive(0, LabFrame.Make(i, 60));
        }

        rig.Workers[0].RunOnce();
        Assert.Equal(2ul, rig.Rig.Drops(0, DropReason.NoFreeChunk));
        rig.Settle();
        way.SetLane(0, null);
        rig.Rig.Receive(0, LabFrame.Make(7, 60));
        rig.Settle();
        Assert.Equal(1ul, rig.Rig.Drops(0, DropReason.CpumapNoEntry));
        rig.CheckSums();
    }

    [Fact]
    public void Send_ChunkNamedTwiceByTheKernel_IsHandedOverOnce()
    {
        using var rig = new CrossingRig(Same, entries: 1);
        rig.Spread(0, new CrossingSelector.Fixed(0));
        rig.Settle();
        ulong address = rig.Rig.Kernel.TakeFill(0);
        rig.Rig.Kernel.Lie(0, new xdp_desc { addr = address + 256, len = 60 });
        rig.Rig.Kernel.Lie(0, new xdp_desc { addr = address + 256, len = 60 });
        rig.Settle();
        Assert.Equal(1ul, rig.Rig.Drops(0, DropReason.InvalidDescriptor));
        Assert.Single(rig.Rig.Sent[1]);
        rig.CheckSums();
    }

    [Fact]
    public void Far_PeerDownOrGone_IsCountedWhereTheFrameWasReceived()
    {
        using var rig = new CrossingRig(Same, entries: 1);
        rig.Spread(0, new CrossingSelector.Fixed(0));
        rig.Port(1).IsUp = false;
        rig.Settle();
        rig.Rig.Receive(0, LabFrame.Make(1, 60));
        rig.Settle();
        Assert.Equal(1ul, rig.Rig.Drops(0, DropReason.PeerDown));
        rig.Entries[0].SetRoute(0, null);
        rig.Rig.Receive(0, LabFrame.Make(2, 60));
        rig.Settle();
        Assert.Equal(1ul, rig.Rig.Drops(0, DropReason.NoLink));
        rig.CheckSums();
    }

    // Case 105: an entry is replaced while frames are in the old one; the new one waits until it is empty.
    [Fact]
    public void Replace_OldQueueNotEmpty_IsEmptiedFirst()
    {
        using var rig = new CrossingRig(Same, entries: 1);
        CrossingIn way = rig.Spread(0, new CrossingSelector.Fixed(0));
        rig.Settle();
        Receive(rig, 0, 5);
        rig.Workers[0].RunOnce();
        using var ring = new HandoverRing(16);
        using var next = new CrossingOut(ring, rig.HomesByNumber, rig.Entries[0])
        {
            Default = new CrossingOut.Onward(rig.WayOn(0, rig.Port(1), 64)),
        };
        rig.Workers[1].Attach(next);
        way.SetLane(0, ring);
        Receive(rig, 5, 10);
        rig.Workers[0].RunOnce();
        Assert.Equal((5u, 5u), (rig.Entries[0].Ring.Level, ring.Level));
        Assert.False(next.TryTurn());
        rig.Settle();
        Assert.Equal(10, rig.Rig.Sent[1].Count);
        Assert.Equal((0u, 0u), (rig.Entries[0].Ring.Level, ring.Level));
        rig.Workers[1].Detach(rig.Entries[0]);
        Receive(rig, 10, 15);
        rig.Settle();
        Assert.Equal(Enumerable.Range(0, 15).Select(i => (ulong)i), rig.Rig.Sent[1].Select(LabFrame.NumberOf));
        rig.CheckSums();
    }

    // Case 107, at any moment: chunks are where the ledger says, and what is in flight is what rings and records hold.
    [Fact]
    public void RandomWalk_MillionSteps_LeaksNoChunkAndNoRecord()
    {
        using var rig = new CrossingRig(
            Same, entries: 2, queueSize: 13, records: new FrameRecords(count: 60, blocks: 1));
        var random = new Random(107);
        CrossingIn way = rig.Spread(0, new ByNumber(2), wayOnSize: 11);
        ulong number = 0;
        for (int step = 0; step < 1_000_000; step++)
        {
            switch (random.Next(6))
            {
                case 0 or 1:
                    rig.Rig.Kernel.Receive(0, LabFrame.Make(number++, random.Next(100) == 0 ? 10 : 60));
                    break;
                case 2:
                    rig.Workers[random.Next(rig.Workers.Length)].RunOnce();
                    break;
                case 3 when random.Next(50) == 0:
                    rig.Port(1).IsUp = !rig.Port(1).IsUp;
                    break;
                case 3 when random.Next(50) == 0:
                    int lane = random.Next(2);
                    way.SetLane(lane, way.Lane(lane) is null ? rig.Entries[lane].Ring : null);
                    break;
                case 4:
                    rig.Rig.Kernel.Send(1, rig.Rig.Sent[1], 5);
                    break;
                case 5:
                    rig.Rig.Kernel.Complete(1, random.Next(10));
                    rig.Rig.Sent[1].Clear();
                    break;
            }

            if (step % 1000 == 0)
            {
                CheckInFlight(rig);
            }
        }

        rig.Port(1).IsUp = true;
        rig.Settle();
        rig.CheckSums();
        Assert.True(rig.Rig.Drops(0, DropReason.CpumapFull) > 100, "queues were never full");
        Assert.True(rig.Rig.Traffic(0).LinkPackets > 10_000, "next to nothing came through");
    }

    [Fact]
    public void RunOnce_ThroughAnEntry_AllocatesNothing()
    {
        using var rig = new CrossingRig(Same, entries: 1);
        rig.Spread(0, new CrossingSelector.Fixed(0));
        byte[] frame = LabFrame.Make(1, 60);
        long allocated = 0;
        for (int round = 0; round < 50_000; round++)
        {
            rig.Rig.Kernel.Receive(0, frame);
            long before = GC.GetAllocatedBytesForCurrentThread();
            rig.Workers[0].RunOnce();
            rig.Workers[1].RunOnce();
            allocated += round >= 100 ? GC.GetAllocatedBytesForCurrentThread() - before : 0;
            rig.Rig.Kernel.Send(1, rig.Rig.Sent[1]);
            rig.Rig.Kernel.Complete(1);
            rig.Rig.Sent[1].Clear();
        }

        Assert.Equal(0, allocated);
        Assert.True(rig.Rig.Traffic(0).LinkPackets > 40_000);
    }

    // Killed with frames in queues: their chunks are free again, and counted.
    [Fact]
    public void Kill_FramesInQueues_AreCountedLostAndTheirChunksFree()
    {
        using var rig = new CrossingRig(Same, entries: 1);
        rig.Spread(0, new CrossingSelector.Fixed(0));
        rig.Settle();
        Receive(rig, 0, 5);
        rig.Workers[0].RunOnce();
        Receive(rig, 5, 7);
        rig.Rig.Succeed();
        Assert.Equal(5ul, rig.Rig.Drops(0, DropReason.CpumapLost));
        Assert.Equal(0ul, rig.Port(0).Rings.HandedOver);
        rig.Rig.Settle();
        Assert.Equal([5ul, 6ul], rig.Rig.Sent[1].Select(LabFrame.NumberOf));
        rig.Rig.CheckSums();
    }

    private static void CheckInFlight(CrossingRig rig)
    {
        XskPort port = rig.Port(0);
        LedgerAudit.Result ledger = LedgerAudit.Run(port.Umem, [port, rig.Port(1)]);
        Assert.Equal("", ledger.Fault);
        Assert.Equal(port.Rings.HandedOver, ledger.Worker);
        Assert.Equal(port.Rings.HandedOver, rig.Homes[0].Records.Capacity - rig.Homes[0].Records.FreeCount);
        PortTraffic traffic = port.Traffic;
        Assert.Equal(traffic.RxPackets, traffic.LinkPackets + port.DropsTotal() + port.Rings.HandedOver);
    }

    private static void Receive(CrossingRig rig, ulong from, ulong to)
    {
        for (ulong i = from; i < to; i++)
        {
            rig.Rig.Receive(0, LabFrame.Make(i, 60));
        }
    }

    private sealed class ByNumber(ulong lanes) : CrossingSelector
    {
        internal override int Choose(FrameBatch batch, in Frame frame) =>
            frame.First.Length < LabFrame.BytesMin ? 0 : (int)(*(ulong*)(frame.First.Data + 14) % lanes);
    }
}
