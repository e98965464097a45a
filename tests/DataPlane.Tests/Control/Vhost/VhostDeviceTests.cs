using System.Runtime.Versioning;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Tests.Control.Vhost;

public sealed class VhostDeviceTests : IDisposable
{
    private readonly VhostRig _rig = new();

    public void Dispose() => _rig.Dispose();

    public static TheoryData<string, string> Refusals => new()
    {
        { "INVALID_SPEC", """{"queue_pairs": 77}""" },
        { "SOCKET_PATH_TAKEN", """{"socket_path": "FOLDER/present.sock"}""" },
        { "SOCKET_PATH_TAKEN", """{"socket_path": "FOLDER/stranger.sock"}""" },
        { "SOCKET_PATH_TAKEN", """{"socket_path": "FOLDER/file.sock"}""" },
        { "SOCKET_PATH_INVALID", """{"socket_path": "FOLDER/none/there.sock"}""" },
        { "WORKER_CPU_UNKNOWN", """{"worker_cpu": 999}""" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Create_Impossible_IsRefusedAndLeavesNothing(string reason, string json)
    {
        _rig.Create("present");
        using UnixStreamSocket stranger = UnixStreamSocket.Listen(_rig.Path("stranger"));
        File.WriteAllText(_rig.Path("file"), "not a socket");
        string[] files = Directory.GetFiles(_rig.Folder);
        string[] keys = _rig.Keeper.Keys;

        Assert.Equal(reason, ControlLife.Fault(() => _rig.Create(
            "new",
            spec => spec.MergeFrom(VhostDeviceSpec.Parser.ParseJson(
                json.Replace("FOLDER", _rig.Folder, StringComparison.Ordinal))))));

        Assert.Equal(files, Directory.GetFiles(_rig.Folder));
        Assert.Equal(keys, _rig.Keeper.Keys);
        Assert.Equal(["present"], _rig.Life.Resources.VhostDevices.Keys);
        Assert.Equal(0u, _rig.Life.Segment.Port(1).Identity.InUse);
    }

    [Fact]
    public void Create_NameExists_IsRefused()
    {
        _rig.Create("v");

        Assert.Equal("NAME_TAKEN", ControlLife.Fault(() => _rig.Create("v", spec => spec.SocketPath += "2")));
    }

    [Fact]
    [SupportedOSPlatform("linux")]
    public void Create_Server_ListensWithItsModeAndPublishesItsPorts()
    {
        VhostDevice device = _rig.Create("v", spec =>
        {
            spec.QueuePairs = 3;
            spec.SocketMode = Convert.ToUInt32("600", 8);
        });

        Assert.Equal(VhostState.Listening, device.Status.State);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_rig.Path("v")));
        Assert.Equal([0u, 1u, 2u], device.Status.SegmentSlots);
        Assert.Contains("no front-end is connected", device.Status.Diagnosis[0], StringComparison.Ordinal);
        Assert.All(
            Enumerable.Range(0, 3),
            slot => Assert.Equal((1u, 1u, (uint)slot), (
                _rig.Life.Segment.Port(slot).Identity.InUse,
                _rig.Life.Segment.Port(slot).Identity.Kind,
                _rig.Life.Segment.Port(slot).Identity.Queue)));
    }

    [Fact]
    public void Create_StaleSocketFile_IsReplaced()
    {
        UnixStreamSocket.Listen(_rig.Path("v")).Dispose();
        Assert.True(File.Exists(_rig.Path("v")));

        _rig.Create("v");

        using ScriptedFrontEnd frontEnd = _rig.Start("v");
        _rig.UntilState("v", VhostState.Started);
    }

    [Fact]
    public void Delete_Idle_RemovesItsFileAndSlots()
    {
        _rig.Create("v");
        string[] keys = _rig.Keeper.Keys;
        Assert.Contains("vhost/v", keys);

        _rig.Life.Commands.VhostDevices.Delete("v");

        Assert.False(File.Exists(_rig.Path("v")));
        Assert.DoesNotContain("vhost/v", _rig.Keeper.Keys);
        Assert.Equal(0u, _rig.Life.Segment.Port(0).Identity.InUse);
        Assert.Equal("UNKNOWN_RESOURCE", ControlLife.Fault(() => _rig.Life.Commands.VhostDevices.Delete("v")));
        _rig.Create("v");
    }

    [Fact]
    public void Delete_FileIsSomebodyElses_LeavesIt()
    {
        _rig.Create("v");
        File.Delete(_rig.Path("v"));
        using UnixStreamSocket stranger = UnixStreamSocket.Listen(_rig.Path("v"));

        _rig.Life.Commands.VhostDevices.Delete("v");

        Assert.True(File.Exists(_rig.Path("v")));
    }

    [Fact]
    public void SocketFile_RemovedBySomebody_IsMadeAnew()
    {
        _rig.Create("v");
        File.Delete(_rig.Path("v"));

        _rig.Until(() => File.Exists(_rig.Path("v")), "the socket file to be back");

        using ScriptedFrontEnd frontEnd = _rig.Start("v");
        _rig.UntilState("v", VhostState.Started);
    }

    [Fact]
    public void Connect_Started_TellsPeerFeaturesAndRings()
    {
        _rig.Create("v");
        using ScriptedFrontEnd frontEnd = _rig.Start("v");
        _rig.UntilState("v", VhostState.Started);

        VhostDeviceStatus status = _rig.Status("v");

        Assert.Equal((uint)Environment.ProcessId, status.PeerPid);
        Assert.Equal(frontEnd.Features, status.FeatureBits);
        Assert.Contains("VIRTIO_NET_F_MRG_RXBUF", status.Features);
        Assert.Contains("VHOST_USER_PROTOCOL_F_REPLY_ACK", status.ProtocolFeatures);
        Assert.Equal(12u, status.HeaderBytes);
        Assert.Equal([0u, 1u], status.Rings.Select(ring => ring.Index));
        Assert.All(status.Rings, ring => Assert.True(ring is { Started: true, Enabled: true, Size: GuestRing.Size }));
        Assert.Single(status.Regions);
        Assert.Equal(1ul, status.Connections);
        Assert.Contains(status.Diagnosis, line => line.Contains("made no buffer available", StringComparison.Ordinal));
        Assert.Contains(
            _rig.Life.Events,
            told => told.Kind == EventKind.StateChanged && told.Attributes["to"] == nameof(VhostState.Started));
    }

    [Fact]
    public void Inventory_EveryKind_TellsDevicesLinksAndBridges()
    {
        foreach (string name in (string[])["a", "b", "c", "d"])
        {
            _rig.Create(name);
        }

        _rig.Link("l", "a", "b");
        var ends = new BridgeSpec
        {
            Endpoints = { new Endpoint { VhostDevice = "c" }, new Endpoint { VhostDevice = "d" } },
        };
        Reply created = _rig.Life.Dispatcher.Execute(new Command
        {
            CreateBridge = new CreateBridge { Bridge = new Bridge { Name = "br", Spec = ends } },
        })[0];
        Assert.Equal(BridgeState.Degraded, created.Bridge.Status.State);

        Inventory told = new();
        foreach (Reply reply in _rig.Life.Dispatcher.Execute(new Command { GetInventory = new GetInventory() }))
        {
            told.MergeFrom(reply.Inventory);
        }

        Assert.Equal(["a", "b", "c", "d"], told.VhostDevices.Select(device => device.Name));
        Assert.Equal(["l", "l", "", ""], told.VhostDevices.Select(device => device.Status.Link));
        Assert.Equal(["", "", "br", "br"], told.VhostDevices.Select(device => device.Status.Bridge));
        Assert.Equal("br", Assert.Single(told.Bridges).Name);
        Assert.Equal("l", Assert.Single(told.Links).Name);
    }

    [Fact]
    public void Connect_Second_IsTurnedAwayAndCounted()
    {
        _rig.Create("v");
        using ScriptedFrontEnd first = _rig.Start("v");
        using ScriptedFrontEnd second = ScriptedFrontEnd.Connect(_rig.Path("v"));

        _rig.Life.Serve(second.WaitForEnd);

        Assert.Contains(_rig.Status("v").Faults, fault => fault is { Kind: "second_connection", Count: 1 });
        Assert.Equal(VhostState.Started, _rig.Device("v").State);
        first.Dispose();
        using ScriptedFrontEnd third = _rig.Start("v");
        _rig.UntilState("v", VhostState.Started);
        Assert.Equal(2ul, _rig.Status("v").Connections);
    }

    [Fact]
    public void Client_NobodyListens_ConnectsWhenSomebodyDoesAndAgainAfterLoss()
    {
        VhostDevice device = _rig.Create("v", spec => spec.Role = VhostRole.Client);
        Assert.Equal(VhostState.Connecting, device.Status.State);
        Assert.Contains("ENOENT", device.Status.StateReason, StringComparison.Ordinal);
        using UnixStreamSocket listener = UnixStreamSocket.Listen(_rig.Path("v"));
        for (int round = 1; round <= 3; round++)
        {
            _rig.Life.Serve(() =>
            {
                using var frontEnd = new ScriptedFrontEnd(listener.Accept());
                frontEnd.Start();
            });
            Assert.Equal((ulong)round, _rig.Status("v").Connections);
        }

        _rig.UntilState("v", VhostState.Connecting);
        _rig.Life.Commands.VhostDevices.Delete("v");
        Assert.True(File.Exists(_rig.Path("v")), "the socket file is the front-end's");
    }
}
