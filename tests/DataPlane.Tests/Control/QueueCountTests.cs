using Nf.DataPlane.Control;
using Nf.DataPlane.Tests.Review;
using Nf.DataPlane.Tests.Xdp;
using Nf.DataPlane.Tests.Xsk;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Tests.Control;

/// <summary>ethtool -L under a bound socket.</summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class QueueCountTests
{
    [Fact]
    public void Device_QueueCountChanged_IsToldOnceAndTrafficGoesOn()
    {
        using var pairs = new TwoPairs(queues: 2);
        ControlLife life = pairs.Life;
        life.CreateUmem("u");
        pairs.LinkBoth();

        // Fewer at the peer first: an XDP program wants a queue for each that the peer sends on.
        SetChannels(pairs.Lab.Outer, TwoPairs.SecondPeer, 2, 1);
        SetChannels(pairs.Lab.Inner, TwoPairs.SecondDevice, 1, 1);
        life.Until(() => Told(life).Any(), "the event");
        life.Until(() => life.Resources.Socket("b").State == XskState.Bound, "BOUND");
        using XskEnd near = pairs.OuterEnd(VethLab.Peer, queue: 0);
        using XskEnd far = pairs.OuterEnd(TwoPairs.SecondPeer, queue: 0);
        XskWire.Transfer(near, far, XskWire.Frames(100));
        XskWire.Transfer(far, near, XskWire.Frames(100));

        Event told = Assert.Single(Told(life));
        Assert.Equal(TwoPairs.SecondDevice, told.ResourceName);
        Assert.Contains("receive queues 2 -> 1", told.Message, StringComparison.Ordinal);
        Assert.Equal("1", told.Attributes["queues"]);
        Assert.Equal(1, life.Resources.Socket("b").DeviceQueueCount);
        Assert.Equal(2, life.Resources.Socket("a").DeviceQueueCount);
    }

    [Fact]
    public void CheckQueueCounts_NoNotificationWasRead_NoticesByItself()
    {
        using var lab = VethLab.Create(2, 1, 2);
        using var store = new MemoryStore();
        using var life = new ReviewLife(store);
        life.CreateUmem("u", 512);
        XskResource socket = life.Bound(lab, "s", "u");
        life.Commands.Devices.Sync();
        int events = Events(life);

        life.Commands.Devices.CheckQueueCounts();
        Assert.Equal(2, socket.DeviceQueueCount);
        Assert.Equal(events, Events(life));

        SetChannels(lab.Inner, VethLab.Device, 1, 1);
        life.Commands.Devices.CheckQueueCounts();

        Assert.Equal(1, socket.DeviceQueueCount);
        Assert.Equal(events + 1, Events(life));
    }

    [Fact]
    public void Device_FewerQueuesThanASocketNeeds_IsRefusedByTheKernel()
    {
        using var pairs = new TwoPairs(queues: 2);
        pairs.Life.CreateUmem("u");
        pairs.Life.Bind("s", pairs.Spec("u", VethLab.Device, queue: 1));

        LinuxException refusal = Assert.Throws<LinuxException>(
            () => SetChannels(pairs.Lab.Inner, VethLab.Device, 1, 1));

        Assert.Equal(Errno.EINVAL, refusal.Errno);
        Assert.Equal(XskState.Bound, pairs.Life.Resources.Socket("s").State);
    }

    private static int Events(ReviewLife life) => life.Resources.Events.After(0).Count();

    private static IEnumerable<Event> Told(ControlLife life) => life.Events.Where(
        e => e.Kind == EventKind.InterfaceChanged && e.Message.Contains("queues", StringComparison.Ordinal));

    private static void SetChannels(Linux.NetworkNamespace space, string device, int rx, int tx) => space.Run(() =>
    {
        using var ethtool = new Ethtool();
        ethtool.SetChannels(device, rx, tx, 0);
    });
}
