using Nf.DataPlane.Ports;
using Nf.DataPlane.Vhost.Session;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>Creates and deletes vhost devices.</summary>
internal sealed unsafe class VhostCommands(Resources resources, VhostSockets sockets, VhostStates states)
{
    /// <exception cref="CommandFaultException">
    /// NAME_TAKEN, INVALID_SPEC, SOCKET_PATH_TAKEN, SOCKET_PATH_INVALID, SOCKET_PATH_DENIED, WORKER_CPU_UNKNOWN,
    /// LIMIT_REACHED.
    /// </exception>
    internal VhostDevice Create(VhostDevice asked)
    {
        if (resources.VhostDevices.ContainsKey(asked.Name))
        {
            throw new CommandFaultException("NAME_TAKEN", $"vhost device \"{asked.Name}\" exists", Errno.EEXIST);
        }

        VhostShape shape = VhostShape.Of(asked.Spec);
        CheckPath(shape);
        Worker worker = resources.Workers.Place(asked.Spec.HasWorkerCpu ? asked.Spec.WorkerCpu : null);
        List<int> slots = TakeSlots(shape.QueuePairs);
        VhostResource? device = null;
        try
        {
            device = new VhostResource(
                asked, shape, slots, worker, VhostRecords.Create(asked.Name, 2 * shape.QueuePairs));
            MakePorts(device);
            VhostSockets.Open(device);
            resources.Store.Put(device);
        }
        catch
        {
            if (device is not null)
            {
                VhostSockets.Unbind(device);
                device.Records.Dispose();
            }

            GiveSlots(slots);
            throw;
        }

        Add(device);
        resources.Events.Add(
            EventKind.Created, device.Type, device.Name,
            $"{shape.QueuePairs} queue pairs at {shape.SocketPath}", ("socket_path", shape.SocketPath));

        sockets.Start(device);
        return VhostStatus.Describe(device, resources);
    }

    /// <summary>Deletes a device: its front-end is disconnected.</summary>
    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE, IN_USE.</exception>
    internal void Delete(string name)
    {
        VhostResource device = resources.VhostDevice(name);
        if (device.Connection is { } user)
        {
            throw new CommandFaultException(
                "IN_USE", $"vhost device \"{name}\" is in {user.Type} \"{user.Name}\"", Errno.EBUSY);
        }

        if (string.Join(", ", resources.PortUsers.UsersOf(device)) is { Length: not 0 } senders)
        {
            throw new CommandFaultException(
                "IN_USE", $"programs of {senders} redirect to vhost device \"{name}\"", Errno.EBUSY);
        }

        // The keeper first: while it has a copy of the connection the front-end sees no end of it.
        resources.Store.Drop(device);
        device.IsListed = false;
        sockets.Close(device);
        device.Worker.Invoke(() =>
        {
            foreach (Port port in device.VhostPorts)
            {
                device.Worker.Detach(port);
            }
        });
        resources.VhostDevices.Remove(name);
        device.Records.Dispose();
        GiveSlots(device.Slots);
        resources.Events.Add(EventKind.Deleted, device.Type, name, "");
    }

    /// <summary>Makes a device of an earlier life known.</summary>
    internal void Add(VhostResource device)
    {
        states.Follow(device);
        resources.VhostDevices.Add(device.Name, device);
        device.IsListed = true;
        device.Worker.Invoke(() =>
        {
            foreach (Port port in device.VhostPorts)
            {
                device.Worker.Attach(port);
            }
        });
        resources.Publish(device);
    }

    /// <summary>Leaves a device with the keeper, as far as it takes it.</summary>
    internal void Store(VhostResource device) => states.Store(device);

    /// <summary>Makes the ports of a device, and what a session calls.</summary>
    internal void MakePorts(VhostResource device)
    {
        device.VhostPorts =
        [
            .. device.Slots.Select((slot, pair) => new VhostPort(slot, resources.PortCounters(slot), pair)),
        ];
        foreach (VhostPort port in device.VhostPorts)
        {
            port.Pairs = device.VhostPorts;
            port.IsUp = false;
        }

        device.Host = new VhostHost(device, states);
        VhostHost.LimitFrames(device);
    }

    /// <summary>Closes what this process has of every device; the keeper's copies stay.</summary>
    internal void LetGo()
    {
        foreach (VhostResource device in resources.VhostDevices.Values)
        {
            device.IsListed = false;
            VhostSession? session = device.Session;
            device.Session = null;
            session?.Dispose();
            device.Listener?.Dispose();
            device.Listener = null;
            device.Records.Dispose();
        }
    }

    private List<int> TakeSlots(int count)
    {
        var slots = new List<int>();
        try
        {
            for (int pair = 0; pair < count; pair++)
            {
                int slot = resources.PortSlots.Take();
                slots.Add(slot);
                resources.Segment.Port(slot) = default;
                resources.Segment.Port(slot).Identity.BoundUnixNs =
                    DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1_000_000;
            }

            return slots;
        }
        catch
        {
            GiveSlots(slots);
            throw;
        }
    }

    private void GiveSlots(IEnumerable<int> slots)
    {
        foreach (int slot in slots)
        {
            resources.Segment.Port(slot) = default;
            resources.PortSlots.Give(slot);
        }
    }

    private void CheckPath(VhostShape shape)
    {
        VhostResource? other = resources.VhostDevices.Values.FirstOrDefault(
            device => device.Shape.SocketPath == shape.SocketPath);
        if (other is not null)
        {
            throw new CommandFaultException(
                "SOCKET_PATH_TAKEN",
                $"socket_path {shape.SocketPath}: vhost device \"{other.Name}\" has it",
                Errno.EADDRINUSE);
        }
    }
}
