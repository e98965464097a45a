using Nf.DataPlane.Lab;
using Nf.DataPlane.Tests.Ports;
using Xunit.Abstractions;

namespace Nf.DataPlane.Tests.Crash;

/// <summary>
/// A life is stopped after every single store of a round that reaps completions, forwards and drops a burst, and posts
/// to a fill ring; its successor takes over from each. No packet may be lost, doubled or reordered; those of a burst
/// that was walked over may come twice, and are counted twice where they left.
/// </summary>
public sealed class EveryStoreTests(ITestOutputHelper output)
{
    public static TheoryData<string> Plans => [.. LabPlan.Known.Select(plan => plan.Name)];

    [Theory]
    [MemberData(nameof(Plans))]
    public void Kill_AfterAnyStoreOfARound_LosesNothing(string plan)
    {
        using Rig rig = EveryStore.Prepared(plan, out ulong accepted);
        StoreTrace trace = EveryStore.Record(rig);
        output.WriteLine($"{trace.Count} states");
        Assert.True(trace.Count > 150, $"{trace.Count} states only: that was no round");
        Assert.Empty(EveryStore.Faults(trace, rig, accepted, _ => { }));
    }
}
