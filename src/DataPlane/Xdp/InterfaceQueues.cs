using Nf.Linux;

namespace Nf.DataPlane.Xdp;

/// <summary>What has to be known of an interface before a program is made for it.</summary>
internal static class InterfaceQueues
{
    /// <summary>The interface's name, and how many receive queues it can ever have.</summary>
    /// <remarks>
    /// At most <see cref="RedirectObject.QueueCountMax"/>: sockets on queues beyond are refused later.
    /// </remarks>
    /// <exception cref="CommandFaultException">INTERFACE_NOT_FOUND, CAPABILITY_MISSING.</exception>
    internal static (string Name, uint QueueCountMax) Read(NetworkNamespace network, int ifindex)
    {
        try
        {
            return network.Run(() => ReadCurrent(ifindex));
        }
        catch (LinuxException refusal) when (refusal.Errno == Errno.EPERM)
        {
            throw CommandFaultException.From(
                "CAPABILITY_MISSING", "network_namespace: to enter another one needs CAP_SYS_ADMIN", refusal);
        }
    }

    /// <summary>The name for messages; a question mark when there is no such interface any more.</summary>
    internal static string TryReadName(NetworkNamespace network, int ifindex) => network.Run(() =>
    {
        using var netlink = new RouteNetlink();
        return netlink.FindLink(ifindex)?.Name ?? "?";
    });

    private static (string Name, uint QueueCountMax) ReadCurrent(int ifindex)
    {
        using var netlink = new RouteNetlink();
        LinkInfo link = netlink.FindLink(ifindex) ?? throw new CommandFaultException(
            "INTERFACE_NOT_FOUND", $"ifindex {ifindex}: no such interface in the network namespace", Errno.ENODEV);
        using var ethtool = new Ethtool();
        EthtoolChannels? channels = ethtool.GetChannels(link.Name);
        int most = Math.Max(link.RxQueueCount, (channels?.RxMax ?? 0) + (channels?.CombinedMax ?? 0));
        return (link.Name, (uint)Math.Clamp(most, 1, (int)RedirectObject.QueueCountMax));
    }
}
