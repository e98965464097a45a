using System.Globalization;
using Nf.Linux;
using NetworkInterface = Nf.V1.NetworkInterface;

namespace Nf.DataPlane.Node;

/// <summary>The interfaces of a network namespace and what AF_XDP can expect of each.</summary>
internal static class InterfaceInventory
{
    private static readonly (XdpFeatures Feature, string Name)[] FeatureNames =
    [
        (XdpFeatures.Basic, "basic"),
        (XdpFeatures.Redirect, "redirect"),
        (XdpFeatures.NdoXmit, "ndo-xmit"),
        (XdpFeatures.XskZeroCopy, "xsk-zerocopy"),
        (XdpFeatures.HardwareOffload, "hw-offload"),
        (XdpFeatures.RxScatterGather, "rx-sg"),
        (XdpFeatures.NdoXmitScatterGather, "ndo-xmit-sg"),
    ];

    /// <summary>Reads them all, by index. An interface that goes away meanwhile is left out.</summary>
    /// <exception cref="LinuxException">The namespace cannot be entered (EPERM), or netlink failed.</exception>
    internal static IReadOnlyList<NetworkInterface> Read(NetworkNamespace network) => network.Run(ReadCurrent);

    /// <summary>
    /// The names of netdev's specification for the bits that are set; bits of newer kernels as numbers.
    /// </summary>
    internal static IEnumerable<string> NamesOf(XdpFeatures features)
    {
        foreach ((XdpFeatures feature, string name) in FeatureNames)
        {
            if (features.HasFlag(feature))
            {
                yield return name;
            }

            features &= ~feature;
        }

        if (features != XdpFeatures.None)
        {
            yield return $"0x{(ulong)features:x}";
        }
    }

    private static List<NetworkInterface> ReadCurrent()
    {
        using var route = new RouteNetlink();
        using NetdevNetlink? netdev = NetdevNetlink.TryOpen();
        using var ethtool = new Ethtool();
        using NetworkSysfs sysfs = NetworkSysfs.Open();
        var interfaces = new List<NetworkInterface>();
        foreach (LinkInfo link in route.DumpLinks())
        {
            NetworkInterface found = FromLink(link);
            try
            {
                AddDriver(found, link, ethtool);
                AddQueues(found, link, ethtool, netdev);
                AddFeatures(found, netdev);
            }
            catch (LinuxException gone) when (gone.Errno == Errno.ENODEV)
            {
                continue;
            }

            AddNumaNode(found, sysfs);
            interfaces.Add(found);
        }

        return interfaces;
    }

    private static NetworkInterface FromLink(LinkInfo link) => new()
    {
        Name = link.Name,
        Ifindex = (uint)link.Ifindex,
        MtuBytes = (uint)link.MtuBytes,
        Up = link.IsUp,
        XdpProgramId = link.XdpProgramId,
    };

    // Some virtual devices have no driver to ask; their kind says the same.
    private static void AddDriver(NetworkInterface found, LinkInfo link, Ethtool ethtool)
    {
        try
        {
            found.Driver = ethtool.GetDriver(link.Name).Driver;
        }
        catch (LinuxException refusal) when (refusal.Errno == Errno.EOPNOTSUPP)
        {
            found.Driver = link.Kind;
        }
    }

    private static void AddQueues(NetworkInterface found, LinkInfo link, Ethtool ethtool, NetdevNetlink? netdev)
    {
        EthtoolChannels? channels = ethtool.GetChannels(link.Name);
        found.RxQueues = (uint)(channels is null ? link.RxQueueCount : channels.Rx + channels.Combined);
        found.TxQueues = (uint)(channels is null ? link.TxQueueCount : channels.Tx + channels.Combined);

        // Both directions of a queue are marked when a socket is bound to it.
        IEnumerable<uint> bound = netdev?.GetQueues(link.Ifindex)?
            .Where(queue => queue.HasXsk).Select(queue => (uint)queue.Id) ?? [];
        found.XskQueues.AddRange(bound.Distinct().Order());
    }

    private static void AddFeatures(NetworkInterface found, NetdevNetlink? netdev)
    {
        if (netdev?.GetFeatures((int)found.Ifindex) is { } features)
        {
            found.XdpFeatures.AddRange(NamesOf(features.Xdp));
            found.ZeroCopySegmentsMax = (uint)features.ZeroCopySegmentCountMax;
        }
    }

    // -1 means that the device has none or the machine has one.
    private static void AddNumaNode(NetworkInterface found, NetworkSysfs sysfs)
    {
        string directory = $"class/net/{found.Name}";
        if (sysfs.TryRead($"{directory}/ifindex") == $"{found.Ifindex}"
            && uint.TryParse(
                sysfs.TryRead($"{directory}/device/numa_node"),
                NumberStyles.None, CultureInfo.InvariantCulture, out uint node))
        {
            found.NumaNode = node;
        }
    }
}
