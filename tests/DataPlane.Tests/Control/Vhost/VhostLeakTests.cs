using System.Diagnostics;
using Nf.V1;

namespace Nf.DataPlane.Tests.Control.Vhost;

[Collection(Alone.Name)]
public sealed class VhostLeakTests : IDisposable
{
    private readonly VhostRig _rig = new();

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void ConnectAndLeave_HundredTimes_LeavesNothingBehind()
    {
        _rig.Create("v", spec => spec.QueuePairs = 2);
        CycleOnce();
        (int Descriptors, int Threads, int Mappings) before = Count();
        for (int i = 0; i < 100; i++)
        {
            CycleOnce();
        }

        (int Descriptors, int Threads, int Mappings) after = Count();
        Assert.Equal(before.Descriptors, after.Descriptors);
        Assert.InRange(after.Threads, 1, before.Threads + 6);
        Assert.InRange(after.Mappings, 1, before.Mappings + 12);
        Assert.Equal(102ul, _rig.Status("v").Connections + 1);

        void CycleOnce()
        {
            using (ScriptedFrontEnd frontEnd = _rig.Start("v", pairs: 2))
            {
                _rig.UntilState("v", VhostState.Started);
            }

            _rig.UntilState("v", VhostState.Listening);
            Assert.Equal(["segment", "state", "vhost/v"], _rig.Keeper.Keys);
        }
    }

    private static (int Descriptors, int Threads, int Mappings) Count()
    {
        // What other tests left to the collector must not go between two counts.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return (
            Directory.GetFiles("/proc/self/fd").Length,
            Process.GetCurrentProcess().Threads.Count,
            File.ReadAllLines("/proc/self/maps").Count(line => line.Contains("memfd", StringComparison.Ordinal)));
    }
}
