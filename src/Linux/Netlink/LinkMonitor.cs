namespace Nf.Linux;

/// <summary>What happened to interfaces.</summary>
public enum LinkEventKind
{
    /// <summary>One appeared or changed.</summary>
    New,

    /// <summary>One is gone: deleted, or moved to another network namespace.</summary>
    Deleted,

    /// <summary>Events were lost because they were not read in time; list the interfaces again.</summary>
    Overrun,
}

/// <summary>Something happened to an interface.</summary>
/// <param name="Kind">What.</param>
/// <param name="Link">The interface as it is now, or was; null for <see cref="LinkEventKind.Overrun"/>.</param>
public sealed record LinkEvent(LinkEventKind Kind, LinkInfo? Link);

/// <summary>Notifies about interfaces of the network namespace of the thread that made this object.</summary>
/// <remarks>Not for use by two threads at a time.</remarks>
public sealed class LinkMonitor : IDisposable
{
    private readonly NetlinkSocket _socket = new(Libc.NETLINK_ROUTE, Libc.RTMGRP_LINK);
    private readonly Queue<LinkEvent> _pending = new();

    /// <summary>For polling: readable when there may be events.</summary>
    public FileDescriptor Descriptor => _socket.Descriptor;

    /// <summary>Takes the next event; false when there is none at the moment.</summary>
    public bool TryRead(out LinkEvent linkEvent)
    {
        while (!_pending.TryDequeue(out linkEvent!))
        {
            ReadOnlySpan<byte> datagram;
            try
            {
                datagram = _socket.Receive(wait: false, "link monitor");
            }
            catch (LinuxException e) when (e.Errno is Errno.ENOBUFS or Errno.EMSGSIZE)
            {
                linkEvent = new LinkEvent(LinkEventKind.Overrun, null);
                return true;
            }

            if (datagram.IsEmpty)
            {
                return false;
            }

            Parse(datagram, _pending);
        }

        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    /// <summary>Turns one notification datagram into events. Pure.</summary>
    internal static void Parse(ReadOnlySpan<byte> datagram, Queue<LinkEvent> events)
    {
        var reader = new NetlinkReader(datagram);
        while (reader.TryRead(out nlmsghdr header, out ReadOnlySpan<byte> payload))
        {
            // A bridge reports its ports to the same group; "deleted" there means that a port left the bridge.
            if (!payload.IsEmpty && payload[0] == Libc.AF_BRIDGE)
            {
                continue;
            }

            if (header.nlmsg_type == Libc.RTM_NEWLINK)
            {
                events.Enqueue(new LinkEvent(LinkEventKind.New, LinkParser.Parse(payload)));
            }
            else if (header.nlmsg_type == Libc.RTM_DELLINK)
            {
                events.Enqueue(new LinkEvent(LinkEventKind.Deleted, LinkParser.Parse(payload)));
            }
        }
    }
}
