using Nf.Linux.Tests.Support;

namespace Nf.Linux.Tests.Netlink;

[Trait("Tier", "kernel")]
public class NetlinkKernelTests
{
    [KernelFact]
    public void DumpLinks_VethPair_ReportsBothEnds()
    {
        using var space = new TestNamespace();
        var pair = new VethPair(space, queues: 2, mtu: 1400);
        IReadOnlyList<LinkInfo> links = space.Run(() =>
        {
            using var route = new RouteNetlink();
            return route.DumpLinks();
        });

        Assert.Equal(["lo", "va", "vb"], links.Select(link => link.Name).Order());
        LinkInfo first = links.Single(link => link.Name == "va");
        Assert.Equal(("veth", 1400, 2, 2), (first.Kind, first.MtuBytes, first.RxQueueCount, first.TxQueueCount));
        Assert.Equal(pair.SecondIfindex, first.PeerIfindex);
        Assert.Null(first.PeerNetnsId);
        Assert.True(first.IsUp && first.IsRunning && first.IsLowerUp && first.HasCarrier);
        Assert.Equal(XdpAttached.None, first.XdpAttached);
        Assert.Equal(17, first.Address.Length);
    }

    [KernelFact]
    public void FindLink_ByNameAndNumber_AgreeAndMissingIsNull()
    {
        using var space = new TestNamespace();
        var pair = new VethPair(space);
        space.Run(() =>
        {
            using var route = new RouteNetlink();
            Assert.Equal(route.FindLink("va"), route.FindLink(pair.FirstIfindex));
            Assert.Null(route.FindLink("nothing"));
            Assert.Null(route.FindLink(new string('x', 16)));
            Assert.Null(route.FindLink(99999));
            Assert.Null(route.FindLink(-1));
            Assert.NotNull(route.FindLink("lo"));
        });
    }

    [KernelFact]
    public void LinkMonitor_DownUpDelete_ReportsEach()
    {
        using var space = new TestNamespace();
        var pair = new VethPair(space);
        using LinkMonitor monitor = space.Run(() => new LinkMonitor());
        Assert.False(monitor.TryRead(out _));

        space.Ip("link set va down");
        WaitFor(monitor, e => e.Kind == LinkEventKind.New && e.Link is { Name: "va", IsUp: false });
        space.Ip("link set va up");
        WaitFor(monitor, e => e.Kind == LinkEventKind.New && e.Link is { Name: "va", IsUp: true, HasCarrier: true });
        space.Ip("link del vb");
        WaitFor(monitor, e => e.Kind == LinkEventKind.Deleted && e.Link?.Ifindex == pair.FirstIfindex);
    }

    [KernelFact]
    public void LinkMonitor_PortLeavesABridge_IsNotReportedAsDeleted()
    {
        using var space = new TestNamespace();
        _ = new VethPair(space);
        space.Ip("link add br0 type bridge");
        space.Ip("link set va master br0");
        using LinkMonitor monitor = space.Run(() => new LinkMonitor());
        space.Ip("link set va nomaster");
        space.Ip("link del br0");
        bool deletedOther = false;
        WaitFor(monitor, e =>
        {
            deletedOther |= e.Kind == LinkEventKind.Deleted && e.Link?.Name == "va";
            return e.Kind == LinkEventKind.Deleted && e.Link?.Name == "br0";
        });
        Assert.False(deletedOther);
    }

    [KernelFact]
    public void LinkMonitor_MoreThanItsBuffer_ReportsOverrunThenGoesOn()
    {
        using var space = new TestNamespace();
        using LinkMonitor monitor = space.Run(() => new LinkMonitor());
        monitor.Descriptor.SetOption(Libc.SOL_SOCKET, Libc.SO_RCVBUF, 1);
        _ = new VethPair(space);
        _ = new VethPair(space, first: "vc", second: "vd");
        WaitFor(monitor, e => e.Kind == LinkEventKind.Overrun && e.Link is null);
        while (monitor.TryRead(out _))
        {
            // Whatever did fit.
        }

        space.Ip("link set va down");
        WaitFor(monitor, e => e.Kind == LinkEventKind.New && e.Link is { Name: "va", IsUp: false });
    }

    [KernelFact]
    public void Netdev_Veth_HasXdpFeaturesAndNoZeroCopy()
    {
        using var space = new TestNamespace();
        var pair = new VethPair(space);
        space.Run(() =>
        {
            using NetdevNetlink netdev = NetdevNetlink.TryOpen()!;
            NetdevFeatures features = netdev.GetFeatures(pair.FirstIfindex);
            Assert.True(features.Xdp.HasFlag(XdpFeatures.Basic | XdpFeatures.Redirect | XdpFeatures.RxScatterGather));
            Assert.False(features.Xdp.HasFlag(XdpFeatures.XskZeroCopy));
            Assert.Equal(XskFeatures.None, features.Xsk);
            Assert.Equal(7ul, features.RxMetadata);
            Assert.Equal(Errno.ENODEV, Assert.Throws<LinuxException>(() => netdev.GetFeatures(99999)).Errno);
            IReadOnlyList<NetdevQueue> queues = netdev.GetQueues(pair.FirstIfindex)!;
            Assert.Equal([false, true], queues.Select(queue => queue.IsTransmit).Order());
            Assert.DoesNotContain(queues, queue => queue.HasXsk);
        });
    }

    [KernelFact]
    public void Ethtool_Veth_ReportsDriverAndSetsChannels()
    {
        using var space = new TestNamespace();
        _ = new VethPair(space, queues: 2);
        space.Run(() =>
        {
            using var ethtool = new Ethtool();
            Assert.Equal("veth", ethtool.GetDriver("va").Driver);
            Assert.Equal(2, ethtool.GetChannels("va")!.QueueCount);
            ethtool.SetChannels("va", 2, 1, 0);
            EthtoolChannels channels = ethtool.GetChannels("va")!;
            Assert.Equal((2, 1, 2), (channels.Rx, channels.Tx, channels.RxMax));
            Assert.Null(ethtool.GetChannels("lo"));
            ethtool.SetTxChecksum("va", false);
            Assert.False(ethtool.GetTxChecksum("va"));
            var error = Assert.Throws<LinuxException>(() => ethtool.GetDriver("nothing"));
            Assert.Equal("ioctl(ETHTOOL_GDRVINFO, nothing): ENODEV (No such device)", error.Message);
        });
    }

    [KernelFact]
    public void BusyPollSettings_DeviceOfAnotherNamespace_IsNotMistakenForOneHere()
    {
        using var space = new TestNamespace();
        _ = new VethPair(space);
        LinkInfo link = space.Run(() =>
        {
            using var route = new RouteNetlink();
            return route.FindLink("va")!;
        });
        Assert.Null(BusyPollDeviceSettings.TryRead(link));
        Assert.False(new BusyPollDeviceSettings(2, 200_000).TryWrite(link));
    }

    private static void WaitFor(LinkMonitor monitor, Func<LinkEvent, bool> wanted)
    {
        bool seen = false;
        Wait.Until(
            () =>
            {
                while (!seen && monitor.TryRead(out LinkEvent linkEvent))
                {
                    seen = wanted(linkEvent);
                }

                return seen;
            },
            "link event");
    }
}
