using Nf.Internal.V1;
using Nf.V1;

namespace Nf.DataPlane.Tests.Control.Vhost;

public sealed class VhostBridgeTests : IDisposable
{
    private readonly VhostRig _rig = new();

    public void Dispose() => _rig.Dispose();

    public static TheoryData<string, string> Refusals => new()
    {
        { "INVALID_SPEC", """{"endpoints": [{"vhost_device": "a"}]}""" },
        { "INVALID_SPEC", """{"endpoints": [{"vhost_device": "a"}, {}]}""" },
        { "INVALID_SPEC", """{"endpoints": [{"vhost_device": "a"}, {"vhost_device": "a"}]}""" },
        { "INVALID_SPEC", """{"endpoints": [{"vhost_device": "a", "xsk_sockets": ["x"]}, {"vhost_device": "b"}]}""" },
        { "INVALID_SPEC", """{"endpoints": [{"vhost_device": "a"}, {"vhost_device": "b"}], "entries_max": 8}""" },
        { "INVALID_SPEC", """{"endpoints": [{"vhost_device": "a"}, {"vhost_device": "b"}], "age_seconds": 99999}""" },
        {
            "INVALID_SPEC",
            """{"endpoints": [{"vhost_device": "a"}, {"vhost_device": "b"}], "endpoint_entries_max": 5000}"""
        },
        { "UNKNOWN_RESOURCE", """{"endpoints": [{"vhost_device": "a"}, {"vhost_device": "none"}]}""" },
        { "UNKNOWN_RESOURCE", """{"endpoints": [{"vhost_device": "a"}, {"xsk_sockets": ["none"]}]}""" },
        { "ENDPOINT_IN_USE", """{"endpoints": [{"vhost_device": "a"}, {"vhost_device": "linked"}]}""" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Create_Impossible_IsRefusedAndLeavesNothing(string reason, string json)
    {
        foreach (string name in (string[])["a", "b", "linked"])
        {
            _rig.Create(name);
        }

        _rig.Link("l", "linked", "linked");
        string[] keys = _rig.Keeper.Keys;

        Assert.Equal(reason, ControlLife.Fault(() => Bridge(json)));

        Assert.Empty(_rig.Life.Resources.Bridges);
        Assert.Equal(keys, _rig.Keeper.Keys);
        Assert.Null(_rig.Device("a").Connection);
    }

    [Fact]
    public void Bridge_ThreeGuests_LearnsAndSendsToOneOnly()
    {
        using ScriptedFrontEnd a = Guest("a");
        using ScriptedFrontEnd b = Guest("b");
        using ScriptedFrontEnd c = Guest("c");
        Bridge(Three);

        Send(a, to: 0xff, from: 2);
        Assert.Equal(2, Arrived(b)[6]);
        Assert.Equal(2, Arrived(c)[6]);
        Send(b, to: 2, from: 4);
        Assert.Equal(4, Arrived(a)[6]);
        Send(a, to: 4, from: 2);
        Assert.Equal(2, Arrived(b)[6]);
        Assert.Null(c.Rings[0].TryReceive());

        BridgeStatus status = _rig.Life.Resources.Bridge("br").Describe().Status;
        Assert.Equal((BridgeState.Up, 2u, 2ul, 1ul), (
            status.State, status.Entries, status.Learned, status.FloodedPackets));
        Assert.Equal([2ul, 1ul, 0ul], status.Ports.Select(port => port.RxPackets));
        BridgeEntries first = Entries("", 1);
        Assert.Equal(("02:02:02:02:02:02", 0u, true), (first.Entries[0].Mac, first.Entries[0].Port, first.More));
        BridgeEntries rest = Entries(first.Entries[0].Mac, 10);
        Assert.Equal(("04:04:04:04:04:04", 1u, false), (rest.Entries[0].Mac, rest.Entries[0].Port, rest.More));
        Assert.Equal("br", _rig.Status("a").Bridge);
    }

    // A flooded frame is forwarded as soon as one guest took it; the copy that another could not take is not hidden.
    [Fact]
    public void Bridge_CopyThatAGuestCannotTake_IsCountedAtItsPort()
    {
        using ScriptedFrontEnd a = Guest("a");
        using ScriptedFrontEnd b = Guest("b");
        _rig.Create("c");
        using ScriptedFrontEnd withoutBuffers = _rig.Start("c");
        Bridge(Three);

        Send(a, to: 0xff, from: 2);
        Arrived(b);

        BridgeStatus status = _rig.Life.Resources.Bridge("br").Describe().Status;
        Assert.Equal([0ul, 0ul, 1ul], status.Ports.Select(port => port.DroppedPackets));
        Assert.Contains(_rig.Status("c").Diagnosis, line => line.Contains(
            "1 frames for the guest were dropped on their way from bridge \"br\"", StringComparison.Ordinal));
    }

    [Fact]
    public void Bridge_GuestLeaves_ItsAddressesAreForgotten()
    {
        using ScriptedFrontEnd a = Guest("a");
        using ScriptedFrontEnd b = Guest("b");
        using (ScriptedFrontEnd c = Guest("c"))
        {
            Bridge(Three);
            Send(c, to: 0xff, from: 6);
            Arrived(a);
            Arrived(b);
        }

        _rig.UntilState("c", VhostState.Listening);

        BridgeStatus status = _rig.Life.Resources.Bridge("br").Describe().Status;
        Assert.Equal((BridgeState.Degraded, 0u, false), (status.State, status.Entries, status.Ports[2].Up));
        Send(a, to: 6, from: 2);
        Assert.Equal(2, Arrived(b)[6]);
    }

    [Fact]
    public void Die_Bridged_IsABridgeAgain()
    {
        using ScriptedFrontEnd a = Guest("a");
        using ScriptedFrontEnd b = Guest("b");
        using ScriptedFrontEnd c = Guest("c");
        Bridge(Three);
        Send(a, to: 0xff, from: 2);
        Arrived(b);
        Arrived(c);

        _rig.Die();

        Assert.Empty(_rig.Life.AdoptionFaults);
        Send(b, to: 2, from: 4);
        Arrived(a);
        Arrived(c);
        Assert.Equal("04:04:04:04:04:04", Assert.Single(Entries("", 10).Entries).Mac);
        _rig.Life.Commands.Bridges.Delete("br");
        Assert.DoesNotContain("bridge/br", _rig.Keeper.Keys);
        Assert.All(_rig.Life.Resources.VhostDevices.Values, device => Assert.Null(device.Connection));
        _rig.Link("l", "a", "b");
        _rig.Pass(a, b, 9);
    }

    private const string Three =
        """{"endpoints": [{"vhost_device": "a"}, {"vhost_device": "b"}, {"vhost_device": "c"}]}""";

    private void Bridge(string json) => _rig.Life.Commands.Bridges.Create(
        new Bridge { Name = "br", Spec = BridgeSpec.Parser.ParseJson(json) });

    private BridgeEntries Entries(string after, uint limit) => _rig.Life.Commands.Bridges.Entries(
        new GetBridgeEntries { Name = "br", AfterMac = after, Limit = limit });

    private ScriptedFrontEnd Guest(string name)
    {
        _rig.Create(name);
        ScriptedFrontEnd frontEnd = _rig.Start(name);
        frontEnd.Rings[0].Fill();
        return frontEnd;
    }

    private static void Send(ScriptedFrontEnd guest, byte to, byte from)
    {
        byte[] frame = VhostRig.Frame(0);
        frame.AsSpan(0, 6).Fill(to);
        frame.AsSpan(6, 6).Fill(from);
        Assert.True(guest.Rings[1].TrySend(frame));
    }

    private byte[] Arrived(ScriptedFrontEnd guest)
    {
        byte[]? frame = null;
        _rig.Until(() => (frame = guest.Rings[0].TryReceive()) is not null, "a frame to arrive");
        return frame!;
    }
}
