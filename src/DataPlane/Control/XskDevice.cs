using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>What is to know of an interface before a socket is bound to it.</summary>
/// <param name="Link">Name, index, MTU, state.</param>
/// <param name="Driver">Its driver; empty when it does not tell.</param>
/// <param name="QueueCount">Receive queues in use.</param>
/// <param name="Features">XDP features; null on kernels before 6.3.</param>
internal sealed record XskDevice(LinkInfo Link, string Driver, int QueueCount, NetdevFeatures? Features)
{
    /// <summary>Finds the interface of a spec in its namespace.</summary>
    /// <exception cref="CommandFaultException">INTERFACE_NOT_FOUND.</exception>
    internal static XskDevice Find(Linux.NetworkNamespace network, XskSocketSpec spec) =>
        network.Run(() => FindHere(spec));

    /// <summary>Why zero-copy was not granted, as far as the driver tells.</summary>
    internal string WhyNoZeroCopy()
    {
        if (Features is null)
        {
            return $"the kernel does not tell what driver \"{Driver}\" offers, and bound it in copy mode";
        }

        return Features.Xdp.HasFlag(XdpFeatures.XskZeroCopy)
            ? $"driver \"{Driver}\" offers zero-copy, but not for this queue, MTU or mode"
            : $"driver \"{Driver}\" does not offer zero-copy (xdp-features 0x{(ulong)Features.Xdp:x})";
    }

    /// <summary>Receive queues in use of an interface now; 0 when it does not tell.</summary>
    internal static int QueueCountOf(Linux.NetworkNamespace network, string name) => network.Run(() =>
    {
        using var ethtool = new Ethtool();
        return QueueCountOf(ethtool, name);
    });

    /// <summary>The same, through a socket that is in the interface's namespace.</summary>
    internal static int QueueCountOf(Ethtool ethtool, string name)
    {
        try
        {
            return ethtool.GetChannels(name)?.QueueCount ?? 0;
        }
        catch (LinuxException)
        {
            // It went away meanwhile; its deletion is told apart.
            return 0;
        }
    }

    /// <summary>The driver of an interface; empty when it does not tell.</summary>
    internal static string DriverOf(Linux.NetworkNamespace network, string name) => network.Run(() =>
    {
        using var ethtool = new Ethtool();
        return DriverHere(ethtool, name);
    });

    private static string DriverHere(Ethtool ethtool, string name)
    {
        try
        {
            return ethtool.GetDriver(name).Driver;
        }
        catch (LinuxException)
        {
            // Some devices (lo) have none to tell.
            return "";
        }
    }

    private static XskDevice FindHere(XskSocketSpec spec)
    {
        using var route = new RouteNetlink();
        LinkInfo? link = spec.DeviceCase == XskSocketSpec.DeviceOneofCase.Interface
            ? route.FindLink(spec.Interface)
            : route.FindLink((int)spec.Ifindex);
        if (link is null)
        {
            string asked = spec.DeviceCase == XskSocketSpec.DeviceOneofCase.Interface
                ? $"interface \"{spec.Interface}\""
                : $"ifindex {spec.Ifindex}";
            throw new CommandFaultException(
                "INTERFACE_NOT_FOUND", $"{asked}: no such interface in its network namespace", Errno.ENODEV);
        }

        using var ethtool = new Ethtool();
        EthtoolChannels? channels = ethtool.GetChannels(link.Name);
        string driver = DriverHere(ethtool, link.Name);
        using NetdevNetlink? netdev = NetdevNetlink.TryOpen();
        return new XskDevice(
            link, driver, Math.Max(1, channels?.QueueCount ?? link.RxQueueCount), netdev?.GetFeatures(link.Ifindex));
    }
}
