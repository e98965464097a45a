using Nf.DataPlane.Lab;
using Nf.DataPlane.Tests.Ports;

namespace Nf.DataPlane.Tests.Forwarding;

public class AllocationTests
{
    // The runtime allocates by itself when it swaps code, once: what a round allocates comes again in every stretch.
    private const int Stretches = 5;
    private const int RoundsOfAStretch = 20_000;

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
        long[] allocated = new long[Stretches];
        ulong packets = 0;
        for (int round = 0; round < Stretches * RoundsOfAStretch; round++)
        {
            rig.Kernel.Receive(0, round % 8 == 0 ? large : small);
            long before = GC.GetAllocatedBytesForCurrentThread();
            packets += rig.Round();
            allocated[round / RoundsOfAStretch] += GC.GetAllocatedBytesForCurrentThread() - before;
            rig.Kernel.Send(rig.Memory.Plan.Ports[0].Peer, rig.Sent[0]);
            rig.Kernel.Complete(rig.Memory.Plan.Ports[0].Peer);
            rig.Sent[0].Clear();
        }

        string text = string.Join(", ", allocated);
        Assert.True(allocated.Count(bytes => bytes == 0) >= Stretches - 2, $"bytes of each stretch: {text}");
        Assert.True(packets > Stretches * RoundsOfAStretch / 2, $"{packets} packets");
    }
}
