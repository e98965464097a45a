using static Nf.Linux.LinuxNetdev;

namespace Nf.Linux;

/// <summary>
/// The generic netlink family "netdev" (6.3+), in the network namespace of the thread that made this object.
/// </summary>
/// <remarks>Not for use by two threads at a time.</remarks>
public sealed class NetdevNetlink : IDisposable
{
    private readonly NetlinkSocket _socket;
    private readonly ushort _family;

    private NetdevNetlink(NetlinkSocket socket, ushort family)
    {
        _socket = socket;
        _family = family;
    }

    /// <summary>Opens the family, or returns null when the kernel has none.</summary>
    public static NetdevNetlink? TryOpen()
    {
        var socket = new NetlinkSocket(Libc.NETLINK_GENERIC);
        try
        {
            NetlinkRequest request = new NetlinkRequest(Libc.GENL_ID_CTRL, 0)
                .Append(new genlmsghdr { cmd = Libc.CTRL_CMD_GETFAMILY, version = 1 })
                .Add(Libc.CTRL_ATTR_FAMILY_NAME, "netdev");
            ushort family = 0;
            socket.Request(
                request, "CTRL_CMD_GETFAMILY(netdev)", (_, payload) => family = NetdevParser.ParseFamilyId(payload));
            return new NetdevNetlink(socket, family);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            socket.Dispose();
            return null;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>What a device can do.</summary>
    /// <exception cref="LinuxException">ENODEV when there is none of that number.</exception>
    public NetdevFeatures GetFeatures(int ifindex)
    {
        NetdevFeatures? features = null;
        _socket.Request(
            Command(NETDEV_CMD_DEV_GET, 0).Add(NETDEV_A_DEV_IFINDEX, ifindex),
            $"NETDEV_CMD_DEV_GET(ifindex {ifindex})",
            (_, payload) => features = NetdevParser.ParseDevice(payload));
        return features ?? throw new LinuxException($"NETDEV_CMD_DEV_GET(ifindex {ifindex})", Errno.ENODEV);
    }

    /// <summary>
    /// The queues of a device that are in use; none while it is down, null where the kernel is older than 6.8.
    /// </summary>
    /// <exception cref="LinuxException">ENODEV when there is none of that number.</exception>
    public IReadOnlyList<NetdevQueue>? GetQueues(int ifindex)
    {
        try
        {
            return NetlinkSocket.Undisturbed(() =>
            {
                var queues = new List<NetdevQueue>();
                _socket.Request(
                    Command(NETDEV_CMD_QUEUE_GET, Libc.NLM_F_DUMP).Add(NETDEV_A_QUEUE_IFINDEX, ifindex),
                    $"NETDEV_CMD_QUEUE_GET(ifindex {ifindex})",
                    (_, payload) => queues.Add(NetdevParser.ParseQueue(payload)));
                return queues;
            });
        }
        catch (LinuxException e) when (e.Errno == Errno.EOPNOTSUPP)
        {
            return null;
        }
    }

    /// <summary>
    /// Sets how long a poll loop keeps interrupts off, for busy polling (6.13+; needs CAP_NET_ADMIN).
    /// </summary>
    /// <param name="napiId">From <see cref="NetdevQueue.NapiId"/> or SO_INCOMING_NAPI_ID.</param>
    /// <param name="settings">What <see cref="BusyPollDeviceSettings"/> sets for a whole device.</param>
    public void SetNapi(uint napiId, BusyPollDeviceSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _socket.Request(
            Command(NETDEV_CMD_NAPI_SET, Libc.NLM_F_ACK)
                .Add(NETDEV_A_NAPI_ID, napiId)
                .Add(NETDEV_A_NAPI_DEFER_HARD_IRQS, settings.DeferHardIrqs)
                .Add(NETDEV_A_NAPI_GRO_FLUSH_TIMEOUT, settings.GroFlushTimeoutNs),
            $"NETDEV_CMD_NAPI_SET(napi {napiId})",
            (_, _) => { });
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private NetlinkRequest Command(byte command, ushort flags) =>
        new NetlinkRequest(_family, flags).Append(new genlmsghdr { cmd = command, version = 1 });
}
