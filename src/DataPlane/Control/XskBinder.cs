using Nf.DataPlane.Node;
using Nf.DataPlane.Ports;
using Nf.DataPlane.Xdp;
using Nf.Linux;
using Nf.SharedMemory.Rings;
using Nf.V1;
using static Nf.Linux.IfXdp;

namespace Nf.DataPlane.Control;

/// <summary>Binds sockets: from a spec to a bound AF_XDP socket whose fill ring is full and whose program feeds
/// it.</summary>
/// <remarks>
/// Order: socket, UMEM, ring sizes, mappings, fill ring, bind, what was granted, program, map. The fill ring comes
/// before bind because zero-copy drivers take their buffers there; the map comes last, so that no frame meets a
/// half-made socket.
/// </remarks>
internal sealed unsafe class XskBinder(Resources resources, XskReleaser releaser)
{
    /// <summary>Descriptors per send call (XDP_MAX_TX_SKB_BUDGET, 6.17): the default of 32 costs a call per 32
    /// frames.</summary>
    private const uint TxBudgetWanted = 256;

    /// <summary>
    /// Bytes of frames in flight in copy mode: every frame counts with its skb (0.7 to 4.5 KiB), and the default of
    /// 208 KiB stalls a full TX ring.
    /// </summary>
    private const int SendBufferBytes = 16 << 20;

    /// <summary>Binds a socket to the device as it is now. Its port is made, but not attached to the worker.</summary>
    /// <exception cref="CommandFaultException">Nothing is left behind.</exception>
    internal void Bind(XskResource resource)
    {
        XskSocketSpec spec = resource.Asked.Spec;
        XskDevice device = XskDevice.Find(resource.Network, spec);
        if (spec.Queue >= device.QueueCount)
        {
            throw new CommandFaultException(
                "QUEUE_OUT_OF_RANGE",
                $"queue {spec.Queue}: {device.Link.Name} has {device.QueueCount} receive queue(s), "
                + $"0 to {device.QueueCount - 1}",
                Errno.EINVAL);
        }

        XskResource? sharer = FindSharer(resource, device, out bool sameQueue);
        if (sameQueue)
        {
            CheckSamePool(spec, sharer!);
        }

        OpenSocket opened;
        try
        {
            opened = Open(resource, device, sharer, sameQueue);
        }
        catch (LinuxException refusal) when (
            sharer is not null && !sameQueue && spec.Mode == XskMode.Auto
            && refusal.Errno is Errno.EOPNOTSUPP or Errno.EINVAL)
        {
            // Sockets that share a registration share its mode. One that cannot have it registers the memory itself.
            opened = OpenOrFault(resource, device, null, sameQueue: false);
        }
        catch (LinuxException refusal)
        {
            throw XskFaults.OfBind(spec, device, refusal);
        }

        try
        {
            Complete(resource, device, opened);
        }
        catch
        {
            Undo(resource, opened);
            throw;
        }
    }

    private OpenSocket OpenOrFault(XskResource resource, XskDevice device, XskResource? sharer, bool sameQueue)
    {
        try
        {
            return Open(resource, device, sharer, sameQueue);
        }
        catch (LinuxException refusal)
        {
            throw XskFaults.OfBind(resource.Asked.Spec, device, refusal);
        }
    }

    // Same queue: the pool's rings are shared, and only that socket will do. Else any bound socket of the UMEM whose
    // modes are the same, because a shared registration shares them.
    private static XskResource? FindSharer(XskResource resource, XskDevice device, out bool sameQueue)
    {
        XskSocketSpec spec = resource.Asked.Spec;
        XskResource? other = resource.Umem.Sockets.Find(
            socket => socket.IsBound && socket != resource && socket.NetworkIdentity == resource.NetworkIdentity
                && socket.Binding!.Program.Ifindex == device.Link.Ifindex && socket.Queue == resource.Queue);
        sameQueue = other is not null;
        return other ?? resource.Umem.Sockets.Find(
            socket => socket.IsBound && socket != resource && socket.Asked.Spec.Mode == spec.Mode
                && socket.Asked.Spec.ScatterGather == spec.ScatterGather
                && socket.Asked.Spec.NoNeedWakeup == spec.NoNeedWakeup);
    }

    // One pool: its rings have one size, and the kernel gives every socket on it the modes of the first.
    private static void CheckSamePool(XskSocketSpec spec, XskResource sharer)
    {
        XskSocketSpec first = sharer.Asked.Spec;
        (string Field, bool Equal)[] rules =
        [
            ("rings.fill", spec.Rings.Fill == first.Rings.Fill),
            ("rings.completion", spec.Rings.Completion == first.Rings.Completion),
            ("mode", spec.Mode == XskMode.Auto || (spec.Mode == XskMode.ZeroCopy) == sharer.Binding!.ZeroCopy),
            ("scatter_gather", spec.ScatterGather == first.ScatterGather),
            ("no_need_wakeup", spec.NoNeedWakeup == first.NoNeedWakeup),
        ];
        string[] faults = [.. rules.Where(rule => !rule.Equal).Select(rule => rule.Field)];
        if (faults.Length != 0)
        {
            throw new CommandFaultException(
                "INVALID_SPEC",
                $"{string.Join(", ", faults)}: must be as of socket \"{sharer.Name}\", which has the same queue",
                Errno.EINVAL);
        }
    }

    private OpenSocket Open(XskResource resource, XskDevice device, XskResource? sharer, bool sameQueue)
    {
        XskSocketSpec spec = resource.Asked.Spec;
        AfXdpSocket socket = resource.Network.Run(AfXdpSocket.Create);
        XskRings? rings = null;
        XskPool? pool = null;
        try
        {
            if (sharer is null)
            {
                Memory.Umem memory = resource.Umem.Memory;
                socket.RegisterUmem(memory.Geometry.ToRegistration((ulong)memory.Base));
            }

            socket.SetRingSize(XdpRing.Rx, spec.Rings.Rx);
            socket.SetRingSize(XdpRing.Tx, spec.Rings.Tx);
            if (!sameQueue)
            {
                socket.SetRingSize(XdpRing.Fill, spec.Rings.Fill);
                socket.SetRingSize(XdpRing.Completion, spec.Rings.Completion);
            }

            rings = new XskRings(socket);
            pool = sameQueue ? sharer!.Binding!.Pool : NewPool(resource, rings);
            var port = new XskPort(
                resource.Slot, socket, pool,
                rings.Rx(new RingSize(spec.Rings.Rx)), rings.Tx(new RingSize(spec.Rings.Tx)),
                resources.PortCounters(resource.Slot));
            if (!sameQueue)
            {
                FillRing(resource.Umem, port);
            }

            ushort flags = sharer is null ? FlagsOf(spec) : XDP_SHARED_UMEM;
            socket.Bind(device.Link.Ifindex, resource.Queue, flags, sharer?.Binding!.Socket.Descriptor);
            return new OpenSocket(
                socket, rings, pool, port, OwnsPool: !sameQueue, Shared: sharer is not null,
                Granted: sharer?.Binding!.BindFlags ?? flags);
        }
        catch
        {
            rings?.Dispose();
            socket.Dispose();
            if (pool is not null && !sameQueue)
            {
                releaser.Reclaim(resource.Umem, pool);
            }

            throw;
        }
    }

    private XskPool NewPool(XskResource resource, XskRings rings)
    {
        RingSizes sizes = resource.Asked.Spec.Rings;
        int id = resources.PoolIds.Take();
        try
        {
            var pool = new XskPool(
                id, resource.Umem.Memory, rings.Fill(new RingSize(sizes.Fill)),
                rings.Completion(new RingSize(sizes.Completion)));
            resource.Umem.Worker.Invoke(() => resource.Umem.Memory.PoolCount++);
            return pool;
        }
        catch
        {
            resources.PoolIds.Give(id);
            throw;
        }
    }

    private static void FillRing(UmemResource umem, XskPort port) => umem.Worker.Invoke(() =>
    {
        uint before;
        do
        {
            before = port.Pool.FillHeld;
            port.Pool.Refill(umem.Worker.Record, port.Slot, port.Socket, always: true);
        }
        while (port.Pool.FillHeld != before);
    });

    private void Complete(XskResource resource, XskDevice device, OpenSocket opened)
    {
        XskSocketSpec spec = resource.Asked.Spec;
        bool zeroCopy = (opened.Socket.GetOptions().flags & XDP_OPTIONS_ZEROCOPY) != 0;
        uint budget = Tune(opened.Socket, spec);
        InterfaceProgram program = resources.Programs.Acquire(
            resource.Network, device.Link.Ifindex, spec.XdpMode, spec.ScatterGather);
        DeviceBusyPoll? busyPoll = null;
        try
        {
            resources.Store.Put(program);
            busyPoll = ChangeDevice(resource, device);
            if (opened.OwnsPool)
            {
                program.SetSocket(spec.Queue, opened.Socket);
            }
        }
        catch
        {
            releaser.ReleaseShared(program, busyPoll, spec.BusyPoll);
            throw;
        }

        opened.Port.FrameBytesMax = XskResource.FrameBytesOf(device.Link);
        opened.Port.SegmentsMax = spec.ScatterGather ? Forwarding.Forwarder.SegmentsMax : 1;
        opened.Port.IsUp = device.Link.IsUp;
        resource.Device = device.Link;
        resource.Driver = device.Driver;
        resource.DeviceQueueCount = device.QueueCount;
        resource.Port = opened.Port;
        resource.Binding = new XskBinding(opened.Socket, opened.Rings, opened.Pool, opened.Port, program)
        {
            ZeroCopy = zeroCopy,
            ModeReason = zeroCopy || spec.Mode == XskMode.Copy ? "" : device.WhyNoZeroCopy(),
            SharedUmem = opened.Shared,
            BindFlags = opened.Granted,
            TxBudget = budget,
            BusyPollDevice = busyPoll,
        };
    }

    private DeviceBusyPoll? ChangeDevice(XskResource resource, XskDevice device) =>
        resource.Asked.Spec.BusyPoll is { } wish
            ? resources.BusyPoll.Acquire(resource.Network, device.Link.Ifindex, device.Link.Name, wish)
            : null;

    private static uint Tune(AfXdpSocket socket, XskSocketSpec spec)
    {
        if (spec.BusyPoll is { } busy)
        {
            socket.SetBusyPoll((int)busy.TimeoutUs, (int)busy.Budget);
        }

        return TuneSending(socket, spec.Rings.Tx);
    }

    /// <summary>Lets a socket have more in flight, and send more per call, than the kernel's defaults.</summary>
    /// <param name="socket">Bound.</param>
    /// <param name="txEntries">Entries of its TX ring.</param>
    /// <returns>Descriptors per send call; 0 for the kernel's 32.</returns>
    internal static uint TuneSending(AfXdpSocket socket, uint txEntries)
    {
        socket.SetSendBuffer(SendBufferBytes, force: true);
        uint budget = Math.Min(TxBudgetWanted, txEntries);
        try
        {
            socket.SetMaxTxBudget(budget);
            return budget;
        }
        catch (LinuxException)
        {
            // Before 6.17: the kernel's 32.
            return 0;
        }
    }

    private void Undo(XskResource resource, OpenSocket opened)
    {
        resource.Binding = null;
        resource.Port = null;
        opened.Rings.Dispose();
        opened.Socket.Dispose();
        if (opened.OwnsPool)
        {
            releaser.Reclaim(resource.Umem, opened.Pool);
        }
    }

    /// <summary>The XDP_… flags that a spec asks for.</summary>
    internal static ushort FlagsOf(XskSocketSpec spec)
    {
        int flags = spec.Mode switch
        {
            XskMode.ZeroCopy => XDP_ZEROCOPY,
            XskMode.Copy => XDP_COPY,
            _ => 0,
        };
        flags |= spec.NoNeedWakeup ? 0 : XDP_USE_NEED_WAKEUP;
        flags |= spec.ScatterGather ? XDP_USE_SG : 0;
        return (ushort)flags;
    }

    private sealed record OpenSocket(
        AfXdpSocket Socket, XskRings Rings, XskPool Pool, XskPort Port, bool OwnsPool, bool Shared,
        ushort Granted);
}
