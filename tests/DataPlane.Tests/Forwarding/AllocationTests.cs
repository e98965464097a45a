using Nf.DataPlane.Lab;
using Nf.DataPlane.Tests.Ports;

namespace Nf.DataPlane.Tests.Forwarding;

public class AllocationTests
{
    private const int Rounds = 100_000;

    // "same", "copies", … with traffic in every round; "merge" drops too.
    [Theory]
    [InlineData("same")]
    [InlineData("copies")]
    [InlineData("segments")]
    [InlineData("merge")]
    [InlineData("hairpin")]
    public void RunOnce_HundredThousandRoundsWithTraffic_AllocatesNothing(string plan)
    {
        using var rig = new Rig(LabPlan.Of(plan));
        byte[] small = LabFrame.Make(1, 60);
        byte[] large = LabFrame.Make(2, LabPlan.Of(plan).Ports[0].SegmentsMax > 1 ? 5000 : 1500);
        rig.Round();
        long allocated = 0;
        ulong packets = 0;
        for (int round = 0; round < Rounds + 100; round++)
        {
            rig.Kernel.Receive(0, round % 8 == 0 ? large : small);
            long before = GC.GetAllocatedBytesForCurrentThread();
            packets += rig.Round();
            allocated += round >= 100 ? GC.GetAllocatedBytesForCurrentThread() - before : 0;
            rig.Kernel.Send(rig.Memory.Plan.Ports[0].Peer, rig.Sent[0]);
            rig.Kernel.Complete(rig.Memory.Plan.Ports[0].Peer);
            rig.Sent[0].Clear();
        }

        Assert.Equal(0, allocated);
        Assert.True(packets > Rounds / 2, $"{packets} packets in {Rounds} rounds");
    }
}
