using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Lab;
using Nf.DataPlane.Ports;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Cpumaps;

public class CrossingFilterTests
{
    // Three ports of one UMEM: 0 to 1 through the entry, and 2 to redirect to.
    private static LabPlan Plan => new("filter", [new LabUmem(256)], [new(0, 1), new(0, 0), new(0, 2)]);

    [Fact]
    public void Steps_PassDropRedirect_EachFrameHasOneFate()
    {
        using var rig = new CrossingRig(Plan, entries: 1);
        rig.Spread(0, new CrossingSelector.Fixed(0));
        using CrossingFilter filter = Filter(
            rig, ("less 99", FilterAction.Drop), ("less 199", FilterAction.Redirect), ("less 299", FilterAction.Pass));
        rig.Entries[0].Filter = filter;
        rig.Settle();
        for (ulong i = 0; i < 40; i++)
        {
            rig.Rig.Receive(0, LabFrame.Make(i, 60 + (100 * (int)(i % 4))));
        }

        rig.Settle();
        Assert.Equal(10ul, rig.Rig.Drops(0, DropReason.CpumapProgram));
        Assert.Equal(Numbers(1), rig.Rig.Sent[2].Select(LabFrame.NumberOf));
        Assert.Equal(Numbers(2).Concat(Numbers(3)).Order(), rig.Rig.Sent[1].Select(LabFrame.NumberOf));
        Assert.Equal((20ul, 10ul, 10ul), (filter.Passed, filter.Dropped, filter.Redirected));
        Assert.Equal(30ul, rig.Rig.Traffic(0).LinkPackets);
        Assert.Equal(10ul * (160 + 260 + 360), rig.Rig.Traffic(0).LinkBytes);
        rig.CheckSums();
    }

    [Fact]
    public void Redirect_ToAPortThatIsDown_IsCountedSo()
    {
        using var rig = new CrossingRig(Plan, entries: 1);
        rig.Spread(0, new CrossingSelector.Fixed(0));
        using CrossingFilter filter = Filter(rig, ("", FilterAction.Redirect));
        rig.Entries[0].Filter = filter;
        rig.Port(2).IsUp = false;
        rig.Settle();
        rig.Rig.Receive(0, LabFrame.Make(1, 60));
        rig.Settle();
        Assert.Equal(1ul, rig.Rig.Drops(0, DropReason.PeerDown));
        rig.CheckSums();
    }

    // A filter that looks behind the first of several chunks sees what is there.
    [Fact]
    public void Filter_FrameOfSeveralChunks_SeesAllOfIt()
    {
        using var rig = new CrossingRig(LabPlan.Of("segments"), entries: 1);
        rig.Spread(0, new CrossingSelector.Fixed(0));
        byte[] frame = LabFrame.Make(1, 5000);
        using CrossingFilter filter = Filter(rig, ($"ether[4999] = {frame[4999]}", FilterAction.Drop));
        rig.Entries[0].Filter = filter;
        rig.Settle();
        rig.Rig.Receive(0, frame);
        rig.Rig.Receive(0, LabFrame.Make(2, 5000));
        rig.Settle();
        Assert.Equal(1ul, rig.Rig.Drops(0, DropReason.CpumapProgram));
        Assert.Equal([2ul], rig.Rig.Sent[1].Select(LabFrame.NumberOf));
        rig.CheckSums();
    }

    private static IEnumerable<ulong> Numbers(ulong rest) =>
        Enumerable.Range(0, 40).Select(i => (ulong)i).Where(i => i % 4 == rest);

    private static CrossingFilter Filter(CrossingRig rig, params (string Filter, FilterAction Action)[] steps) => new(
        FilterCompiler.Compile([.. steps.Select(step => Code(step.Filter))]),
        [.. steps.Select(step => step.Action)],
        [.. steps.Select(step => step.Action == FilterAction.Redirect ? rig.WayOn(0, rig.Port(2), 64) : null)]);

    private static ReadOnlyMemory<ClassicInstruction> Code(string filter) =>
        filter.Length == 0 ? default : PcapFilter.Compile(filter).Code.ToArray();
}
