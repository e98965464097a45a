namespace Nf.Linux;

/// <summary>Asks rtnetlink about interfaces, in the network namespace of the thread that made this object.</summary>
/// <remarks>Not for use by two threads at a time.</remarks>
public sealed class RouteNetlink : IDisposable
{
    private readonly NetlinkSocket _socket = new(Libc.NETLINK_ROUTE);

    /// <summary>All interfaces of the namespace, as they were at one moment.</summary>
    public IReadOnlyList<LinkInfo> DumpLinks() => NetlinkSocket.Undisturbed(() =>
    {
        NetlinkRequest request = new NetlinkRequest(Libc.RTM_GETLINK, Libc.NLM_F_DUMP)
            .Append(default(ifinfomsg))
            .Add(Libc.IFLA_EXT_MASK, Libc.RTEXT_FILTER_SKIP_STATS);
        return Collect(request, "RTM_GETLINK(all)");
    });

    /// <summary>One interface, or null when there is none of that name.</summary>
    /// <param name="name">At most 15 bytes.</param>
    public LinkInfo? FindLink(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name.Length >= Libc.IFNAMSIZ)
        {
            return null;
        }

        return Find(
            new NetlinkRequest(Libc.RTM_GETLINK, 0).Append(default(ifinfomsg)).Add(Libc.IFLA_IFNAME, name),
            $"RTM_GETLINK({name})");
    }

    /// <summary>One interface, or null when there is none of that number.</summary>
    public LinkInfo? FindLink(int ifindex) => ifindex <= 0
        ? null
        : Find(
            new NetlinkRequest(Libc.RTM_GETLINK, 0).Append(new ifinfomsg { ifi_index = ifindex }),
            $"RTM_GETLINK(ifindex {ifindex})");

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private LinkInfo? Find(NetlinkRequest request, string call)
    {
        try
        {
            return Collect(request.Add(Libc.IFLA_EXT_MASK, Libc.RTEXT_FILTER_SKIP_STATS), call).FirstOrDefault();
        }
        catch (LinuxException e) when (e.Errno == Errno.ENODEV)
        {
            return null;
        }
    }

    private List<LinkInfo> Collect(NetlinkRequest request, string call)
    {
        var links = new List<LinkInfo>();
        _socket.Request(request, call, (header, payload) =>
        {
            if (header.nlmsg_type == Libc.RTM_NEWLINK)
            {
                links.Add(LinkParser.Parse(payload));
            }
        });
        return links;
    }
}
