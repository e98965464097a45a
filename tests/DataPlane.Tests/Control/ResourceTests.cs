using Nf.DataPlane.Control;
using Nf.DataPlane.Tests.Xdp;
using Nf.DataPlane.Xdp;
using Nf.V1;

namespace Nf.DataPlane.Tests.Control;

/// <summary>
/// UMEMs, sockets and links on the real kernel: two veth pairs, frames in at one outer end and out at the other.
/// </summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class ResourceTests : IDisposable
{
    private const string SecondDevice = "nfx2";
    private const string SecondPeer = "nfx3";

    private readonly VethLab _lab = VethLab.Create();
    private readonly FakeKeeper _keeper = new();
    private ControlLife _life;

    public ResourceTests()
    {
        _lab.AddPair(SecondDevice, SecondPeer, 1, 1, 1);
        _life = new ControlLife(_keeper);
    }

    private string Space => $"/run/netns/{_lab.OuterName.Replace("-o-", "-i-", StringComparison.Ordinal)}";

    public void Dispose()
    {
        _life.Dispose();
        _keeper.Dispose();
        _lab.Dispose();
    }

    [Theory]
    [InlineData(false, 22)]
    [InlineData(false, 1514)]
    [InlineData(true, 60)]
    [InlineData(true, 1514)]
    public void Link_FramesThroughRealDevices_ArriveByteForByte(bool copies, int length)
    {
        LinkBoth(copies);
        using var a = new PacketWire(_lab.Outer, VethLab.Peer);
        using var b = new PacketWire(_lab.Outer, SecondPeer);
        for (ulong i = 1; i <= 50; i++)
        {
            byte[] there = PacketWire.Frame(i, length);
            a.Send(there);
            Assert.Equal(there, b.Receive());
            byte[] back = PacketWire.Frame(1000 + i, length);
            b.Send(back);
            Assert.Equal(back, a.Receive());
        }

        Assert.Equal(!copies, _life.Resources.Link("l").Describe().Status.ZeroCopy);
        _life.CheckLedgers();
        _life.Clear();
        Assert.Equal(["segment", "state"], _keeper.Keys);
    }

    [Fact]
    public void Link_ScatterGather_FramesOf5000BytesArrive()
    {
        foreach (string device in new[] { VethLab.Device, SecondDevice })
        {
            _lab.Inside($"link set {device} mtu 9000");
        }

        foreach (string device in new[] { VethLab.Peer, SecondPeer })
        {
            _lab.Outside($"link set {device} mtu 9000");
        }

        _life.CreateUmem("u");
        _life.Bind("a", "u", VethLab.Device, Space, scatterGather: true);
        _life.Bind("b", "u", SecondDevice, Space, scatterGather: true);
        _life.Link("l", "a", "b");
        using var a = new PacketWire(_lab.Outer, VethLab.Peer);
        using var b = new PacketWire(_lab.Outer, SecondPeer);
        for (ulong i = 1; i <= 20; i++)
        {
            byte[] frame = PacketWire.Frame(i, 5000 + (int)i);
            a.Send(frame);
            Assert.Equal(frame, b.Receive());
        }

        _life.CheckLedgers();
    }

    [Fact]
    public void Bind_SameQueueTwice_SecondLivesOnWhenTheFirstGoes()
    {
        _life.CreateUmem("u");
        _life.Bind("first", "u", VethLab.Device, Space);
        Assert.True(_life.Bind("second", "u", VethLab.Device, Space).Status.SharedUmem);
        _life.Bind("b", "u", SecondDevice, Space);
        _life.Unbind("first");
        _life.Link("l", "second", "b");
        using var a = new PacketWire(_lab.Outer, VethLab.Peer);
        using var b = new PacketWire(_lab.Outer, SecondPeer);
        for (ulong i = 1; i <= 50; i++)
        {
            byte[] frame = PacketWire.Frame(i, 100);
            a.Send(frame);
            Assert.Equal(frame, b.Receive());
            b.Send(frame);
            Assert.Equal(frame, a.Receive());
        }

        _life.CheckLedgers();
        _life.Clear();
    }

    [Fact]
    public void Commands_Faults_HaveTheirReasons()
    {
        _life.CreateUmem("u");
        _life.CreateUmem("v");
        _life.Bind("a", "u", VethLab.Device, Space);
        Assert.Equal("NAME_TAKEN", ControlLife.Fault(() => _life.CreateUmem("u")));
        Assert.Equal("NAME_TAKEN", ControlLife.Fault(() => _life.Bind("a", "u", VethLab.Device, Space)));
        Assert.Equal("UNKNOWN_RESOURCE", ControlLife.Fault(() => _life.Bind("x", "none", VethLab.Device, Space)));
        Assert.Equal("QUEUE_TAKEN", ControlLife.Fault(() => _life.Bind("x", "v", VethLab.Device, Space)));
        Assert.Equal("QUEUE_OUT_OF_RANGE", ControlLife.Fault(() => _life.Bind("x", "u", VethLab.Device, Space, 7)));
        Assert.Equal("QUEUE_OUT_OF_RANGE", ControlLife.Fault(() => _life.Bind("x", "u", VethLab.Device, Space, 65536)));
        Assert.Equal("INTERFACE_NOT_FOUND", ControlLife.Fault(() => _life.Bind("x", "u", "none0", Space)));
        foreach (string space in new[] { "/run/netns/none-at-all", "/proc/self/status", "/proc/self/ns/mnt" })
        {
            Assert.Equal(
                "NAMESPACE_NOT_FOUND", ControlLife.Fault(() => _life.Bind("x", "u", VethLab.Device, space)));
        }

        Assert.Equal(
            "ZERO_COPY_UNSUPPORTED",
            ControlLife.Fault(() => _life.Bind("x", "v", SecondDevice, Space, mode: XskMode.ZeroCopy)));
        Assert.Equal("IN_USE", ControlLife.Fault(() => _life.Umems.Delete("u")));
        Assert.Equal("UNKNOWN_RESOURCE", ControlLife.Fault(() => _life.Umems.Delete("none")));
        Assert.Equal("UNKNOWN_RESOURCE", ControlLife.Fault(() => _life.Unbind("none")));
        Assert.Equal("UNKNOWN_RESOURCE", ControlLife.Fault(() => _life.Link("l", "a", "none")));
        _life.Bind("b", "v", SecondDevice, Space);
        _life.Link("l", "a", "b");
        Assert.Equal("NAME_TAKEN", ControlLife.Fault(() => _life.Link("l", "a", "b")));
        Assert.Equal("SOCKET_IN_LINK", ControlLife.Fault(() => _life.Link("m", "a", "b")));
        Assert.Equal("IN_USE", ControlLife.Fault(() => _life.Unbind("a")));
        Assert.Equal("INVALID_SPEC", ControlLife.Fault(() => _life.CreateUmem("w", chunkSize: 3000)));
        _life.CheckLedgers();
        _life.Clear();
        Assert.Equal(["segment", "state"], _keeper.Keys);
    }

    [Fact]
    public void Device_DownUpMtuDeletedAndBack_IsFollowed()
    {
        LinkBoth(copies: false);
        _lab.Inside($"link set {SecondDevice} down");
        XskResource socket = _life.Resources.Socket("b");
        _life.Until(() => socket.State == XskState.DeviceDown, "DEVICE_DOWN");
        Assert.Equal(LinkState.Degraded, _life.Resources.Link("l").Describe().Status.State);
        _lab.Inside($"link set {SecondDevice} up");
        _life.Until(() => socket.State == XskState.Bound, "BOUND");
        _lab.Inside($"link set {SecondDevice} mtu 1400");
        _life.Until(() => socket.Port!.FrameBytesMax == 1418, "the new MTU");
        _lab.Inside($"link del {SecondDevice}");
        _life.Until(() => socket.State == XskState.DeviceLost, "DEVICE_LOST");
        _life.Until(() => socket.ReleasingPool is null, "the chunks to come back");
        _life.CheckLedgers();
        _lab.AddPair(SecondDevice, SecondPeer, 1, 1, 1);
        _life.Until(() => socket.State == XskState.Bound, "the socket to be bound again");
        using var a = new PacketWire(_lab.Outer, VethLab.Peer);
        using var b = new PacketWire(_lab.Outer, SecondPeer);
        byte[] frame = PacketWire.Frame(5, 600);
        a.Send(frame);
        Assert.Equal(frame, b.Receive());
        b.Send(frame);
        Assert.Equal(frame, a.Receive());
        Assert.Contains(_life.Events, e => e.Kind == EventKind.InterfaceChanged && e.Message.Contains("MTU"));
        _life.CheckLedgers();
    }

    [Fact]
    public void Device_MovedToAnotherNamespace_IsLost()
    {
        LinkBoth(copies: true);
        _lab.Inside($"link set {SecondDevice} netns {_lab.OuterName}");
        XskResource socket = _life.Resources.Socket("b");
        _life.Until(() => socket.State == XskState.DeviceLost, "DEVICE_LOST");
        _life.Until(() => socket.ReleasingPool is null, "the chunks to come back");
        Assert.Equal("", _life.Resources.Umem("v").Audit().Fault);
        Assert.Equal(512ul, _life.Resources.Umem("v").Audit().Free);
    }

    [Fact]
    public void End_KeeperIsGone_DetachesWhatNoDescriptorHolds()
    {
        _life.Dispose();
        var keeper = new FakeKeeper();
        _life = new ControlLife(keeper, attach: XdpAttachPreference.Netlink);
        _life.CreateUmem("u");
        XskSocket bound = _life.Bind("s", "u", VethLab.Device, Space);
        Assert.Equal("netlink", bound.Status.XdpAttachment);
        int ifindex = (int)bound.Status.Ifindex;
        Assert.NotEqual(0u, ProgramOn(ifindex));

        keeper.Dispose();
        _life.Commands.EndEverything();

        Assert.Equal(0u, ProgramOn(ifindex));
    }

    [Fact]
    public void Adopt_WhileTrafficComes_LosesNothing()
    {
        LinkBoth(copies: true);
        using var a = new PacketWire(_lab.Outer, VethLab.Peer);
        using var b = new PacketWire(_lab.Outer, SecondPeer);
        ulong number = 0;
        for (int life = 0; life < 5; life++)
        {
            for (int i = 0; i < 20; i++)
            {
                a.Send(PacketWire.Frame(++number, 200));
            }

            // As a kill leaves it: the frames that come now wait in the rings.
            ControlLife before = _life;
            before.Freeze();
            for (int i = 0; i < 20; i++)
            {
                a.Send(PacketWire.Frame(++number, 200));
            }

            _life = new ControlLife(_keeper, _keeper.Snapshot());
            Assert.Empty(_life.AdoptionFaults);
            _life.CheckLedgers();
            before.Dispose();
        }

        for (ulong i = 1; i <= number; i++)
        {
            Assert.Equal(PacketWire.Frame(i, 200), b.Receive());
        }

        _life.CheckLedgers();
        int slot = _life.Resources.Socket("a").Slot;
        Assert.Equal(number, _life.Segment.Port(slot).Traffic.LinkPackets);
        _life.Clear();
        Assert.Equal(["segment", "state"], _keeper.Keys);
    }

    [Fact]
    public void CreateAndDelete_ManyTimes_LeavesNothingBehind()
    {
        Cycle(5);
        int descriptors = Directory.GetFiles("/proc/self/fd").Length;
        int mappings = Mappings();
        Cycle(100);
        Assert.InRange(Directory.GetFiles("/proc/self/fd").Length, 0, descriptors + 20);
        Assert.InRange(Mappings(), 0, mappings);
        Assert.Equal(["segment", "state"], _keeper.Keys);
    }

    private static int Mappings() => File.ReadLines("/proc/self/maps").Count(
        line => line.Contains("nf-umem-cycle", StringComparison.Ordinal)
            || line.Contains("nf-ledger-cycle", StringComparison.Ordinal));

    private uint ProgramOn(int ifindex) =>
        _lab.Inner.Run(() => Linux.XdpAttachment.QueryProgramId(ifindex, Linux.XdpMode.Auto));

    private void Cycle(int count)
    {
        for (int i = 0; i < count; i++)
        {
            _life.CreateUmem("cycle", 64);
            _life.Bind("s", "cycle", VethLab.Device, Space);
            _life.Clear();
        }
    }

    private void LinkBoth(bool copies)
    {
        _life.CreateUmem("u");
        if (copies)
        {
            _life.CreateUmem("v");
        }

        _life.Bind("a", "u", VethLab.Device, Space);
        _life.Bind("b", copies ? "v" : "u", SecondDevice, Space);
        _life.Link("l", "a", "b");
    }
}
