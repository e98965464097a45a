using Nf.DataPlane.Lab;
using Nf.DataPlane.Tests.Ports;

namespace Nf.DataPlane.Tests.Crash;

/// <summary>The twins of <see cref="EveryStoreTests"/> that must be caught: a successor that disbelieves the record of
/// what its predecessor was about to do.</summary>
public sealed class IgnoredRecordTests
{
    [Theory]
    [InlineData("same")]
    [InlineData("copies")]
    [InlineData("to-guest")]
    [InlineData("from-guest")]
    public void Kill_RecordIgnored_IsCaught(string plan)
    {
        using Rig rig = EveryStore.Prepared(plan, out ulong accepted);
        StoreTrace trace = EveryStore.Record(rig);
        Assert.NotEmpty(EveryStore.Faults(trace, rig, accepted, CloseBurst));
        Assert.NotEmpty(EveryStore.Faults(trace, rig, accepted, CloseFill));
    }

    private static unsafe void CloseBurst(LabMemory memory)
    {
        using var state = memory.OpenState();
        state.Record(0)->BurstOpen = 0;
    }

    private static unsafe void CloseFill(LabMemory memory)
    {
        using var state = memory.OpenState();
        state.Record(0)->FillOpen = 0;
    }
}
