using Nf.DataPlane.Ports;
using Nf.Linux;
using Nf.SharedMemory.Rings;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>Binds and unbinds sockets, and follows what happens to their devices.</summary>
internal sealed unsafe class XskCommands(Resources resources, XskBinder binder, XskReleaser releaser)
{
    /// <exception cref="CommandFaultException">
    /// NAME_TAKEN, UNKNOWN_RESOURCE, NAMESPACE_NOT_FOUND, INVALID_SPEC, LIMIT_REACHED, and what
    /// <see cref="XskBinder.Bind"/> and the XDP program tell.
    /// </exception>
    internal XskSocket Bind(XskSocket asked)
    {
        if (resources.Sockets.TryGetValue(asked.Name, out XskResource? present))
        {
            bool releasing = present.State == XskState.Releasing;
            throw new CommandFaultException(
                "NAME_TAKEN",
                $"socket \"{asked.Name}\" {(releasing ? "is being released" : "exists")}",
                releasing ? Errno.EBUSY : Errno.EEXIST);
        }

        CheckSpec(asked.Spec);
        UmemResource umem = resources.Umem(asked.Spec.Umem);
        if (umem.State == UmemState.Releasing)
        {
            throw new CommandFaultException(
                "UNKNOWN_RESOURCE", $"UMEM \"{umem.Name}\" is being released", Errno.ENOENT);
        }

        int slot = resources.PortSlots.Take();
        Linux.NetworkNamespace? network = null;
        try
        {
            network = OpenNetwork(asked.Spec.NetworkNamespace);
            resources.Segment.Port(slot) = default;
            resources.Segment.Port(slot).Identity.BoundUnixNs =
                DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1_000_000;
            var socket = new XskResource(asked, slot, umem, network);
            binder.Bind(socket);
            return Add(socket);
        }
        catch when (!resources.Sockets.ContainsKey(asked.Name))
        {
            network?.Dispose();
            resources.Segment.Port(slot) = default;
            resources.PortSlots.Give(slot);
            throw;
        }
    }

    /// <summary>Unbinds a socket; it is RELEASING until the kernel has let go of the queue.</summary>
    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE, IN_USE.</exception>
    internal void Unbind(string name)
    {
        XskResource socket = resources.Socket(name);
        if (socket.State == XskState.Releasing)
        {
            return;
        }

        if (socket.Connection is { } user)
        {
            throw new CommandFaultException(
                "IN_USE", $"socket \"{name}\" is in {user.Type} \"{user.Name}\"", Errno.EBUSY);
        }

        if (string.Join(", ", resources.PortUsers.UsersOf(socket)) is { Length: not 0 } senders)
        {
            throw new CommandFaultException(
                "IN_USE", $"programs of {senders} redirect to socket \"{name}\"", Errno.EBUSY);
        }

        // The keeper first: while it has a descriptor the kernel keeps the socket bound.
        resources.Store.Drop(socket);
        BeginRelease(socket);
    }

    /// <summary>The device changed: its name, MTU, state or queue count.</summary>
    internal void DeviceChanged(XskResource socket, LinkInfo link)
    {
        LinkInfo? before = socket.Device;
        socket.Device = link;
        uint frameBytesMax = XskResource.FrameBytesOf(link);
        bool up = link.IsUp;
        if (socket.Port is { } port && (before?.MtuBytes != link.MtuBytes || port.IsUp != up))
        {
            socket.Umem.Worker.Invoke(() =>
            {
                port.FrameBytesMax = frameBytesMax;
                port.IsUp = up;
                port.NeedsFlush |= up && port.Tx.Level != 0;
            });
        }

        SetState(
            socket,
            up ? XskState.Bound : XskState.DeviceDown,
            up ? "" : $"interface {link.Name} is down");
        resources.Publish(socket);
    }

    /// <summary>The device is gone from its namespace. The kernel keeps such a socket useless for ever: it is
    /// closed.</summary>
    internal void DeviceLost(XskResource socket, string why)
    {
        if (!socket.IsBound)
        {
            return;
        }

        XskPort port = socket.Port!;
        socket.Umem.Worker.Invoke(() => port.IsUp = false);
        LetGo(socket);
        resources.Store.Put(socket);
        SetState(socket, XskState.DeviceLost, why);
        resources.Publish(socket);
        releaser.FinishSoon(socket);
    }

    /// <summary>Binds a socket again whose device has come back.</summary>
    /// <returns>False when it could not be bound yet.</returns>
    internal bool TryRecover(XskResource socket)
    {
        if (socket.State != XskState.DeviceLost || socket.ReleasingPool is not null)
        {
            return false;
        }

        try
        {
            binder.Bind(socket);
        }
        catch (Exception notYet) when (notYet is CommandFaultException or LinuxException)
        {
            // A device that comes and goes meanwhile makes any call about it fail.
            socket.StateReason = notYet.Message;
            return false;
        }

        Attach(socket);
        resources.Store.Put(socket);
        socket.Connection?.Wire();
        resources.PortUsers.Refresh(socket);

        DeviceChanged(socket, socket.Device!);
        return true;
    }

    /// <summary>Tells of a change of state, once.</summary>
    internal void SetState(XskResource socket, XskState state, string reason)
    {
        XskState before = socket.State;
        socket.StateReason = reason;
        if (before == state)
        {
            return;
        }

        socket.State = state;
        resources.Events.Add(
            EventKind.StateChanged, "xsk_socket", socket.Name, reason.Length == 0 ? $"{state}" : $"{state}: {reason}",
            ("from", before.ToString()), ("to", state.ToString()));
    }

    /// <summary>Opens the network namespace that a spec names.</summary>
    /// <exception cref="CommandFaultException">NAMESPACE_NOT_FOUND.</exception>
    internal static Linux.NetworkNamespace OpenNetwork(V1.NetworkNamespace? asked)
    {
        try
        {
            return asked?.ByCase switch
            {
                V1.NetworkNamespace.ByOneofCase.Path => Linux.NetworkNamespace.OpenPath(asked.Path),
                V1.NetworkNamespace.ByOneofCase.Pid => Linux.NetworkNamespace.OpenPid((int)asked.Pid),
                _ => Linux.NetworkNamespace.OpenCurrent(),
            };
        }
        catch (LinuxException refusal)
        {
            throw CommandFaultException.From("NAMESPACE_NOT_FOUND", $"network_namespace {asked}", refusal);
        }
    }

    private void BeginRelease(XskResource socket)
    {
        LetGo(socket);
        socket.State = XskState.Releasing;
        socket.StateReason = "the kernel has not let go of the queue yet";
        resources.Publish(socket);
        releaser.FinishSoon(socket);
    }

    private XskSocket Add(XskResource socket)
    {
        socket.Umem.Sockets.Add(socket);
        resources.Sockets.Add(socket.Name, socket);
        try
        {
            resources.Store.Put(socket);
            Attach(socket);
        }
        catch
        {
            // Bound already: it is released like any other, and forgotten when the kernel has let go.
            BeginRelease(socket);
            throw;
        }

        socket.State = socket.Device!.IsUp ? XskState.Bound : XskState.DeviceDown;
        socket.StateReason = socket.Device.IsUp ? "" : $"interface {socket.Device.Name} is down";
        resources.Publish(socket);
        resources.Events.Add(
            EventKind.Created, "xsk_socket", socket.Name, $"queue {socket.Queue} of {socket.Device.Name}",
            ("interface", socket.Device.Name), ("queue", $"{socket.Queue}"),
            ("mode", socket.Binding!.ZeroCopy ? "zero-copy" : "copy"));
        return socket.Describe();
    }

    private static void Attach(XskResource socket)
    {
        Worker worker = socket.Umem.Worker;
        XskPort port = socket.Port!;
        worker.Invoke(() => worker.Attach(port));
    }

    // Everything of a binding but the chunks, which come back when the kernel says so.
    private void LetGo(XskResource socket)
    {
        if (socket.Binding is not { } binding)
        {
            return;
        }

        socket.EarlierStatistics = socket.Statistics();
        Worker worker = socket.Umem.Worker;
        XskPort port = binding.Port;
        worker.Invoke(() => worker.Detach(port));
        releaser.Begin(socket, binding);
    }

    private static void CheckSpec(XskSocketSpec? spec)
    {
        if (spec is null)
        {
            throw new CommandFaultException("INVALID_SPEC", "spec: must be set", Errno.EINVAL);
        }

        RingSizes rings = spec.Rings ?? new RingSizes();
        foreach ((string field, uint entries) in
                 new[] { ("rx", rings.Rx), ("tx", rings.Tx), ("fill", rings.Fill), ("completion", rings.Completion) })
        {
            if (!RingSize.IsValid(entries))
            {
                throw new CommandFaultException(
                    "INVALID_SPEC",
                    $"rings.{field} {entries}: a power of two, {RingSize.Min} to {RingSize.Max}",
                    Errno.EINVAL);
            }
        }

        if (rings.Completion < rings.Tx)
        {
            throw new CommandFaultException(
                "INVALID_SPEC", $"rings.completion {rings.Completion}: at least rings.tx ({rings.Tx})", Errno.EINVAL);
        }
    }
}
