using Nf.SharedMemory.Segments;
using Nf.V1;

namespace Nf.DataPlane.Tests.Control.Vhost;

public sealed class VhostTrafficTests : IDisposable
{
    private readonly VhostRig _rig = new();

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void Link_TwoGuests_PassesFramesBothWays()
    {
        using ScriptedFrontEnd a = Guest("a");
        using ScriptedFrontEnd b = Guest("b");
        _rig.Link("l", "a", "b");

        for (byte i = 0; i < 200; i++)
        {
            _rig.Pass(a, b, i);
            _rig.Pass(b, a, i);
        }

        Assert.Equal(LinkState.Up, _rig.Life.Resources.Link("l").Describe().Status.State);
        Assert.Equal("l", _rig.Status("a").Link);
    }

    [Fact]
    public void Link_DeviceDisconnected_IsDegradedAndUpAgain()
    {
        using ScriptedFrontEnd a = Guest("a");
        using (ScriptedFrontEnd b = Guest("b"))
        {
            _rig.Link("l", "a", "b");
        }

        _rig.UntilState("b", VhostState.Listening);
        LinkStatus status = _rig.Life.Resources.Link("l").Describe().Status;
        Assert.Equal(LinkState.Degraded, status.State);
        Assert.Contains("vhost device \"b\"", status.StateReason, StringComparison.Ordinal);
        Assert.True(a.Rings[1].TrySend(VhostRig.Frame(1)));
        _rig.Until(() => Drops("a", DropReason.PeerDown) == 1, "the frame to be dropped and counted");

        using ScriptedFrontEnd again = Again("b");
        _rig.Pass(a, again, 2);
        _rig.Pass(again, a, 3);
    }

    [Fact]
    public void Link_PairDisabled_SendsToTheOthers()
    {
        _rig.Create("many", spec => spec.QueuePairs = 2);
        using ScriptedFrontEnd many = _rig.Start("many", pairs: 2, enabledPairs: 1);
        many.Rings[0].Fill();
        many.Rings[2].Fill();
        _rig.Create("two", spec => spec.QueuePairs = 2);
        using ScriptedFrontEnd two = _rig.Start("two", pairs: 2);
        _rig.Link("l", "two", "many");

        _rig.Pass(two, many, 1, fromRing: 1, toRing: 0);
        _rig.Pass(two, many, 2, fromRing: 3, toRing: 0);
        _rig.Life.Serve(() => many.Enable(2, true));
        _rig.Pass(two, many, 3, fromRing: 3, toRing: 2);
        _rig.Life.Serve(() => many.Enable(2, false));
        _rig.Pass(two, many, 4, fromRing: 3, toRing: 0);
    }

    [Fact]
    public void Endpoint_InALink_IsFreeOnlyAfterIt()
    {
        _rig.Create("a");
        _rig.Create("b");
        _rig.Create("c");
        _rig.Link("l", "a", "b");

        Assert.Equal("ENDPOINT_IN_USE", ControlLife.Fault(() => _rig.Link("m", "b", "c")));
        Assert.Equal("IN_USE", ControlLife.Fault(() => _rig.Life.Commands.VhostDevices.Delete("a")));
        Assert.Equal("UNKNOWN_RESOURCE", ControlLife.Fault(() => _rig.Link("m", "c", "none")));
        _rig.Life.Links.Delete("l");
        _rig.Link("m", "b", "c");
    }

    [Fact]
    public async Task Delete_ConnectedAndUnderTraffic_EndsTheConnection()
    {
        using ScriptedFrontEnd a = Guest("a");
        _rig.Link("loop", "a", "a");
        _rig.Pass(a, a, 1);
        using var stop = new CancellationTokenSource();
        Task traffic = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                a.Rings[1].TrySend(VhostRig.Frame(9));
                a.Rings[0].TryReceive();
            }
        });

        _rig.Life.Links.Delete("loop");
        _rig.Life.Commands.VhostDevices.Delete("a");

        _rig.Life.Serve(a.WaitForEnd);
        ushort used = a.Rings[1].UsedIndex;
        _rig.Create("other");
        Assert.Equal(used, a.Rings[1].UsedIndex);
        await stop.CancelAsync();
        await traffic;
        Assert.Equal(["other"], _rig.Life.Resources.VhostDevices.Keys);
    }

    public static TheoryData<string, byte[]> Lies => new()
    {
        { "version", [1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0] },
        { "size", [1, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255] },
        { "ring", [8, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 255, 255, 255, 255, 0, 1, 0, 0] },
        { "reply", [1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0] },
    };

    [Theory]
    [MemberData(nameof(Lies))]
    public void FrontEnd_Lies_LosesItsConnectionAndNobodyElseDoes(string what, byte[] message)
    {
        using ScriptedFrontEnd honest = Guest("honest");
        _rig.Link("loop", "honest", "honest");
        using ScriptedFrontEnd liar = Guest("liar");

        liar.SendRaw(message);
        _rig.Life.Serve(liar.WaitForEnd);

        VhostDeviceStatus status = _rig.Status("liar");
        Assert.True(status.Faults.Count == 1, $"{what}: {status.Faults}");
        Assert.NotEmpty(status.LastDisconnect);
        Assert.Contains(
            _rig.Life.Events, told => told.Kind == EventKind.Fault && told.ResourceName == "liar");
        _rig.Pass(honest, honest, 7);
        using ScriptedFrontEnd again = Again("liar");
        _rig.UntilState("liar", VhostState.Started);
    }

    [Fact]
    public void Ring_GuestLies_IsBrokenAndTheDriverTold()
    {
        using ScriptedFrontEnd honest = Guest("honest");
        _rig.Link("loop", "honest", "honest");
        using ScriptedFrontEnd liar = Guest("liar");

        liar.Rings[1].LieAboutIndex();

        _rig.UntilState("liar", VhostState.Broken);
        Assert.True(liar.Rings[1].Error.TryDrain(), "the error descriptor was not signalled");
        VhostDeviceStatus status = _rig.Status("liar");
        VhostRing broken = status.Rings.Single(ring => ring.Index == 1);
        const string Fault = "avail->idx is 71, 71 ahead of 0; the ring has 64 descriptors";
        Assert.Equal((Fault, 71u, 0u, 71u), (broken.Fault, broken.GuestIndex, broken.NextIndex, broken.Pending));
        Assert.Equal($"ring 1: {Fault}", status.StateReason);
        Assert.Contains(
            $"ring 1 (from the guest): given up: {Fault}; it stays down until the guest resets the device",
            status.Diagnosis);
        Assert.Equal(
            $"ring 1: {Fault}; it is not touched again until it is stopped and started",
            Assert.Single(status.Faults).LastMessage);
        Assert.Contains(_rig.Life.Events, told => told.Kind == EventKind.Fault && told.ResourceName == "liar");
        _rig.Pass(honest, honest, 7);
    }

    [Fact]
    public void Memory_TakenAway_EndsTheConnectionOnly()
    {
        using ScriptedFrontEnd honest = Guest("honest");
        _rig.Link("loop", "honest", "honest");
        using ScriptedFrontEnd thief = Guest("thief");

        // Nothing is touched before somebody looks: an idle device does not.
        thief.MemoryFile.Truncate(0);
        thief.Rings[1].Kick.Signal();

        _rig.Life.Serve(thief.WaitForEnd);
        Assert.Contains("taken away", _rig.Device("thief").LastDisconnect, StringComparison.Ordinal);
        _rig.Pass(honest, honest, 7);
    }

    private ScriptedFrontEnd Guest(string name)
    {
        _rig.Create(name);
        return Again(name);
    }

    private ScriptedFrontEnd Again(string name)
    {
        ScriptedFrontEnd frontEnd = _rig.Start(name);
        frontEnd.Rings[0].Fill();
        return frontEnd;
    }

    private ulong Drops(string name, DropReason reason) =>
        _rig.Life.Segment.Port(_rig.Device(name).Slots[0]).Drops[(int)reason];
}
