using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>
/// Follows the interfaces of every namespace that has a socket or a steering, because a socket says nothing of its
/// device: poll on one whose device is down or gone reports no event at all.
/// </summary>
internal sealed class DeviceWatcher(
    Resources resources, XskCommands sockets, SteeringCommands steerings, EventLoop loop) : IDisposable
{
    private readonly Dictionary<FileIdentity, Watch> _watches = [];

    /// <summary>Who else has sockets.</summary>
    internal IDeviceFollower Follower { get; set; } = new NoDeviceFollower();

    /// <summary>Watches the namespaces of all sockets and steerings, and no others.</summary>
    internal void Sync()
    {
        Dictionary<FileIdentity, Linux.NetworkNamespace> wanted = [];
        foreach (XskResource socket in resources.Sockets.Values.Where(s => s.State != XskState.Releasing))
        {
            wanted.TryAdd(socket.NetworkIdentity, socket.Network);
        }

        foreach (SteeringResource steering in resources.Steerings.Values)
        {
            wanted.TryAdd(steering.NetworkIdentity, steering.Network);
        }

        foreach (Linux.NetworkNamespace network in Follower.Networks)
        {
            wanted.TryAdd(network.Identity, network);
        }

        foreach (FileIdentity gone in _watches.Keys.Where(key => !wanted.ContainsKey(key)).ToList())
        {
            loop.Remove(_watches[gone].Links.Descriptor);
            _watches[gone].Dispose();
            _watches.Remove(gone);
        }

        foreach ((FileIdentity identity, Linux.NetworkNamespace network) in wanted)
        {
            if (!_watches.ContainsKey(identity))
            {
                Watch watch = network.Run(() => new Watch());
                _watches.Add(identity, watch);
                loop.Add(watch.Links.Descriptor, () => Read(identity, watch.Links));

                // What changed between the bind and the first notification.
                Recheck(identity);
            }
        }
    }

    /// <summary>Tries again to bind what lost its device.</summary>
    internal void RetryLost()
    {
        foreach (XskResource socket in resources.Sockets.Values.Where(s => s.State == XskState.DeviceLost).ToList())
        {
            sockets.TryRecover(socket);
        }

        steerings.RetryLost();
    }

    /// <summary>
    /// Looks whether a device has another number of queues than before. Nothing tells of that for certain: the ioctl
    /// that changes it notifies nobody, and only some drivers take the carrier away meanwhile.
    /// </summary>
    internal void CheckQueueCounts()
    {
        foreach ((FileIdentity identity, Watch watch) in _watches)
        {
            foreach (XskResource socket in SocketsIn(identity).DistinctBy(s => s.Binding!.Program.Ifindex))
            {
                if (socket is { DeviceQueueCount: not 0, Device: { } device }
                    && watch.QueueCountOf(device.Name) is not 0 and int count && count != socket.DeviceQueueCount)
                {
                    Changed(identity, device);
                }
            }
        }
    }

    /// <summary>Compares every socket of a namespace with the interfaces as they are.</summary>
    internal void Recheck(FileIdentity identity)
    {
        steerings.Recheck(identity);
        Follower.Recheck(identity);
        foreach (XskResource socket in SocketsIn(identity))
        {
            int ifindex = socket.Binding!.Program.Ifindex;
            LinkInfo? link = socket.Network.Run(() =>
            {
                using var route = new RouteNetlink();
                return route.FindLink(ifindex);
            });

            // An interface of that index may be another one by now; only the socket itself tells (ENXIO).
            if (link is null || socket.Binding!.Socket.KickTx() == Errno.ENXIO)
            {
                sockets.DeviceLost(socket, $"interface {socket.Device?.Name ?? $"of index {ifindex}"} is gone");
            }
            else
            {
                CompleteAdopted(socket, link);
                sockets.DeviceChanged(socket, link);
            }
        }
    }

    // An adopted socket knows its device by index only; the rest is asked for when packets flow again.
    private static void CompleteAdopted(XskResource socket, LinkInfo link)
    {
        if (socket.DeviceQueueCount == 0)
        {
            socket.DeviceQueueCount = XskDevice.QueueCountOf(socket.Network, link.Name);
            socket.Driver = XskDevice.DriverOf(socket.Network, link.Name);
        }
    }

    public void Dispose()
    {
        foreach (Watch watch in _watches.Values)
        {
            watch.Dispose();
        }

        _watches.Clear();
    }

    private List<XskResource> SocketsIn(FileIdentity identity) =>
        [.. resources.Sockets.Values.Where(s => s.NetworkIdentity == identity && s.IsBound)];

    private void Read(FileIdentity identity, LinkMonitor monitor)
    {
        while (monitor.TryRead(out LinkEvent told))
        {
            switch (told.Kind)
            {
                case LinkEventKind.New:
                    Changed(identity, told.Link!);
                    break;
                case LinkEventKind.Deleted:
                    Deleted(identity, told.Link!);
                    break;
                default:
                    Recheck(identity);
                    RetryLost();
                    break;
            }
        }
    }

    private void Changed(FileIdentity identity, LinkInfo link)
    {
        Follower.Changed(identity, link);
        LinkInfo? before = null;
        int queuesBefore = 0;
        int queues = 0;
        foreach (XskResource socket in SocketsIn(identity).Where(s => s.Binding!.Program.Ifindex == link.Ifindex))
        {
            before = socket.Device;
            queuesBefore = socket.DeviceQueueCount;
            queues = XskDevice.QueueCountOf(socket.Network, link.Name);
            socket.DeviceQueueCount = queues;
            sockets.DeviceChanged(socket, link);
        }

        if (before is not null && WhatChanged(before, link, queuesBefore, queues) is { Length: > 0 } what)
        {
            resources.Events.Add(
                EventKind.InterfaceChanged, "interface", link.Name, what,
                ("ifindex", $"{link.Ifindex}"), ("mtu", $"{link.MtuBytes}"), ("up", link.IsUp ? "true" : "false"),
                ("queues", $"{queues}"));
        }

        // A device of this name, or index, may be what a lost socket waits for.
        foreach (XskResource socket in resources.Sockets.Values.Where(
                     s => s.State == XskState.DeviceLost && s.NetworkIdentity == identity).ToList())
        {
            sockets.TryRecover(socket);
        }
    }

    private void Deleted(FileIdentity identity, LinkInfo link)
    {
        steerings.Deleted(identity, link);
        Follower.Deleted(identity, link);
        bool ours = false;
        foreach (XskResource socket in SocketsIn(identity).Where(s => s.Binding!.Program.Ifindex == link.Ifindex))
        {
            ours = true;
            sockets.DeviceLost(
                socket, $"interface {link.Name} was deleted or moved to another network namespace");
        }

        if (ours)
        {
            resources.Events.Add(
                EventKind.InterfaceChanged, "interface", link.Name, "gone", ("ifindex", $"{link.Ifindex}"));
        }
    }

    private static string WhatChanged(LinkInfo before, LinkInfo now, int queuesBefore, int queues)
    {
        var changes = new List<string>();
        if (before.IsUp != now.IsUp)
        {
            changes.Add(now.IsUp ? "up" : "down");
        }

        if (before.MtuBytes != now.MtuBytes)
        {
            changes.Add($"MTU {before.MtuBytes} -> {now.MtuBytes}");
        }

        if (queuesBefore != queues && queuesBefore != 0 && queues != 0)
        {
            changes.Add($"receive queues {queuesBefore} -> {queues}");
        }

        if (before.Name != now.Name)
        {
            changes.Add($"renamed from {before.Name}");
        }

        return string.Join(", ", changes);
    }

    // Made by a thread in the namespace; its sockets belong there, whoever uses them.
    private sealed class Watch : IDisposable
    {
        private readonly Ethtool _ethtool = new();

        internal LinkMonitor Links { get; } = new();

        internal int QueueCountOf(string device) => XskDevice.QueueCountOf(_ethtool, device);

        public void Dispose()
        {
            Links.Dispose();
            _ethtool.Dispose();
        }
    }
}
