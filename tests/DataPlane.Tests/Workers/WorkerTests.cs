using Nf.DataPlane.Forwarding;
using Nf.DataPlane.Lab;
using Nf.DataPlane.Ports;
using Nf.DataPlane.Tests.Ports;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Workers;

// Rounds of a worker whose thread is not started: the test decides when each happens.
public unsafe class WorkerTests
{
    public static TheoryData<XdpRing> Rings => [.. Enum.GetValues<XdpRing>()];

    [Theory]
    [MemberData(nameof(Rings))]
    public void RunGuarded_CorruptedRing_TakesOutItsPortOnly(XdpRing ring)
    {
        // 0 and 1 are linked, 2 and 3 are; 1 is corrupted. The copies of 2 share nothing with it.
        using var rig = new Rig(
            [new LabUmem(128), new LabUmem(128)],
            new LabPort(0, 1), new LabPort(0, 0), new LabPort(1, 3), new LabPort(1, 2));
        rig.Round();

        // So that each of its rings will be looked at again: its TX ring has no room for a whole burst any more.
        rig.Receive(0, [.. Enumerable.Range(0, 34).Select(i => LabFrame.Make((ulong)i, 60))]);
        rig.Round();
        rig.Round();
        Assert.InRange(rig.Life.Ports[1].Tx.Level, 65 - Forwarder.BurstMax, 64u);
        rig.Receive(1, [.. Enumerable.Range(0, 30).Select(i => LabFrame.Make((ulong)i, 60))]);
        bool ours = ring is XdpRing.Fill or XdpRing.Tx;
        ref uint index = ref ours ? ref rig.Memory.ConsumerIndex(1, ring) : ref rig.Memory.ProducerIndex(1, ring);
        index += 100_000;
        for (ulong i = 0; i < 100; i++)
        {
            rig.Kernel.Receive(0, LabFrame.Make(i, 60));
            rig.Receive(2, LabFrame.Make(i, 60));
            rig.Receive(3, LabFrame.Make(i, 60));
            rig.Life.Worker.RunGuarded();
            rig.Kernel.Send(2, rig.Sent[2]);
            rig.Kernel.Send(3, rig.Sent[3]);
            rig.Kernel.Complete(2);
            rig.Kernel.Complete(3);
        }

        (Port port, string why) = Assert.Single(rig.Life.Faults);
        Assert.Equal(1, port.Slot);
        Assert.Contains("cannot be true", why, StringComparison.Ordinal);
        Assert.Equal(3, rig.Life.Worker.PortCount);
        Assert.InRange(rig.Sent[3].Count, 98, 100);
        Assert.InRange(rig.Sent[2].Count, 98, 100);
        Assert.True(rig.Drops(0, DropReason.PeerDown) > 90, $"{rig.Drops(0)} drops");
        Assert.False(port.IsUp);
        port.IsUp = true;
        Assert.False(port.IsUp);
    }

    [Fact]
    public void RunGuarded_CorruptedInTheMiddleOfACopy_LosesNothingOfTheOthers()
    {
        // Port 1 has no chunk to copy into, so that its completion ring, which lies, is looked at with packets in hand.
        using var rig = new Rig(
            [new LabUmem(128), new LabUmem(4)], new LabPort(0, 1), new LabPort(1, 0));
        rig.Round();
        rig.Receive(0, LabFrame.Make(0, 60));
        rig.Round();
        rig.Receive(0, LabFrame.Make(1, 60), LabFrame.Make(2, 60));
        rig.Memory.ProducerIndex(1, XdpRing.Completion) += 100_000;
        Assert.Equal(0u, rig.Life.Worker.RunGuarded());
        Assert.Equal(1, Assert.Single(rig.Life.Faults).Port.Slot);
        Assert.Equal(2u, rig.Life.Ports[0].Rx.Level);
        rig.Life.Worker.RunGuarded();
        Assert.Equal(2u, rig.Drops(0, DropReason.PeerDown));
        Assert.Equal(3u, rig.Traffic(0).RxPackets);
        LedgerAudit.Result result = LedgerAudit.Run(rig.Life.Umems[0], [rig.Life.Ports[0]]);
        Assert.Equal("", result.Fault);
    }

    [Fact]
    public void Detach_Port_IsNotTouchedAnyMore()
    {
        using var rig = new Rig([new LabUmem(128)], new LabPort(0, -1), new LabPort(0, -1));
        rig.Round();
        rig.Life.Worker.Detach(rig.Life.Ports[1]);
        byte[] before = RingsOf(rig);
        rig.Receive(0, LabFrame.Make(1, 60));
        rig.Receive(1, LabFrame.Make(2, 60));
        uint waiting = rig.Memory.ConsumerIndex(1, XdpRing.Rx);
        rig.Round();
        rig.Round();
        Assert.Equal(1u, rig.Traffic(0).RxPackets);
        Assert.Equal(0u, rig.Traffic(1).RxPackets);
        Assert.Equal(waiting, rig.Memory.ConsumerIndex(1, XdpRing.Rx));
        Assert.Equal(before, RingsOf(rig));
        rig.Life.Worker.Detach(rig.Life.Ports[1]);
        Assert.Equal(1, rig.Life.Worker.PortCount);
    }

    [Fact]
    public void Invoke_NotStarted_RunsHere()
    {
        using var rig = new Rig(new LabUmem(16));
        int thread = 0;
        rig.Life.Worker.Invoke(() => thread = Environment.CurrentManagedThreadId);
        Assert.Equal(Environment.CurrentManagedThreadId, thread);
    }

    [Fact]
    public void IsAlive_SilentWorker_IsToleratedUntilTheLimit()
    {
        using var rig = new Rig(new LabUmem(16));
        Assert.True(rig.Life.Worker.IsAlive(1000, 500));
        Assert.True(rig.Life.Worker.IsAlive(1499, 500));
        Assert.False(rig.Life.Worker.IsAlive(1500, 500));
    }

    // What the life writes of port 1: fill and TX index, RX and completion index.
    private static byte[] RingsOf(Rig rig) =>
    [
        .. BitConverter.GetBytes(rig.Memory.ProducerIndex(1, XdpRing.Fill)),
        .. BitConverter.GetBytes(rig.Memory.ProducerIndex(1, XdpRing.Tx)),
        .. BitConverter.GetBytes(rig.Memory.ConsumerIndex(1, XdpRing.Rx)),
        .. BitConverter.GetBytes(rig.Memory.ConsumerIndex(1, XdpRing.Completion)),
    ];
}
