using Google.Protobuf;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Ports;
using Nf.DataPlane.Xdp;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Rings;
using Nf.SharedMemory.Segments;
using Nf.SharedMemory.Store;
using Nf.SharedMemory.Umems;
using Umem = Nf.DataPlane.Memory.Umem;

namespace Nf.DataPlane.Control;

/// <summary>
/// Takes over what the life before left with the keeper. The normal start: beginning with nothing is the case of an
/// empty store.
/// </summary>
/// <remarks>
/// Nothing that comes out of the store is believed before it is checked. What cannot be adopted is dropped, closed and
/// named in <see cref="Faults"/>; the service replays it from what it knows to be wanted.
/// </remarks>
internal sealed unsafe class Adoption(Commands commands)
{
    private readonly Resources _resources = commands.Resources;
    private readonly VhostAdoption _vhost = new(commands.Resources, commands.VhostDevices, commands.VhostSockets);
    private IReadOnlyList<StoreEntry> _entries = [];

    private readonly Dictionary<int, XskPort> _ports = [];
    private readonly Dictionary<int, XskPool> _pools = [];
    private readonly List<string> _faults = [];

    /// <summary>What could not be adopted, for people.</summary>
    internal IReadOnlyList<string> Faults => _faults;

    /// <summary>Adopts every resource of the store. The workers do not run yet.</summary>
    internal void Run(IReadOnlyList<StoreEntry> entries)
    {
        // First, because steerings name cpumaps, and entries of cpumaps name programs.
        Each(entries, ResourceStore.CpumapStatisticsKey, commands.KernelCpumaps.AdoptStatistics);
        Each(entries, ResourceStore.CpumapProgramPrefix, commands.CpumapPrograms.Adopt);
        Each(entries, ResourceStore.CpumapPrefix, AdoptCpumap);
        Each(
            entries,
            ResourceStore.ProgramPrefix,
            entry => _resources.Programs.Adopt(entry.Metadata, entry.Descriptors));
        Each(entries, ResourceStore.SteeringPrefix, commands.Steerings.Adopt);
        Each(
            entries,
            ResourceStore.BusyPollPrefix,
            entry => _resources.BusyPoll.Adopt(entry.Metadata, entry.Descriptors[0]));
        Each(entries, ResourceStore.UmemPrefix, AdoptUmem);
        Each(entries, ResourceStore.XskPrefix, AdoptSocket);
        PortRecovery.Run(
            _resources.State, _ports, [.. _resources.Umems.Values.Select(umem => umem.Memory)],
            _resources.PortCounters);
        foreach (XskResource socket in _resources.Sockets.Values)
        {
            if (socket.Port is { } port)
            {
                socket.Umem.Worker.Invoke(() => socket.Umem.Worker.Attach(port));
            }
        }

        Each(entries, ResourceStore.VhostPrefix, entry => _vhost.Adopt(entry, entries));
        _faults.AddRange(_vhost.Faults);

        // After what their programs redirect to, and before what names them.
        Each(entries, ResourceStore.UserspaceCpumapPrefix, AdoptUserspaceCpumap);
        Each(entries, ResourceStore.LinkPrefix, AdoptLink);
        Each(entries, ResourceStore.BridgePrefix, AdoptBridge);
        _entries = entries;
    }

    /// <summary>Detaches programs whose sockets did not come back, and checks that every chunk is accounted
    /// for.</summary>
    internal void Finish()
    {
        _vhost.Finish(_entries);
        _faults.AddRange(commands.Steerings.Finish());
        _resources.Programs.DetachUnused(unused =>
        {
            _resources.Store.Drop(unused);
            _faults.Add($"XDP program on ifindex {unused.Ifindex}: no socket left, detached");
        });
        _resources.BusyPoll.RestoreUnwanted();

        foreach (UmemResource umem in _resources.Umems.Values)
        {
            V1.ChunkLedger ledger = umem.Audit();
            if (!ledger.Closed)
            {
                _faults.Add($"UMEM \"{umem.Name}\": {ledger.Fault}");
            }
        }
    }

    private void Each(IReadOnlyList<StoreEntry> entries, string prefix, Action<StoreEntry> adopt)
    {
        foreach (StoreEntry entry in entries.Where(e => e.Key.StartsWith(prefix, StringComparison.Ordinal)))
        {
            try
            {
                adopt(entry);
            }
            catch (Exception e) when (e is InvalidDataException or InvalidProtocolBufferException or LinuxException
                                          or CommandFaultException or AdoptionException or RingCorruptedException
                                          or ArgumentException)
            {
                _faults.Add($"{entry.Key}: {e.Message}");
                _resources.Store.Drop(entry.Key);
                foreach (FileDescriptor descriptor in entry.Descriptors)
                {
                    descriptor.Dispose();
                }
            }
        }
    }

    private void AdoptUserspaceCpumap(StoreEntry entry) =>
        _faults.AddRange(commands.UserspaceCpumaps.Adopt(entry).Select(remark => $"{entry.Key}: {remark}"));

    private void AdoptCpumap(StoreEntry entry) =>
        _faults.AddRange(commands.KernelCpumaps.Adopt(entry).Select(remark => $"{entry.Key}: {remark}"));

    private void AdoptUmem(StoreEntry entry)
    {
        StoredUmem stored = StoredUmem.Parser.ParseFrom(entry.Metadata);
        CheckDescriptors(entry, 2);
        UmemGeometry geometry = UmemCommands.GeometryOf(stored.Umem.Spec);
        var files = new UmemFiles(
            entry.Descriptors[0], entry.Descriptors[1], (HugePageSize)stored.HugePages, stored.PageSizeReason,
            stored.Umem.Spec.HasNumaNode ? (int)stored.Umem.Spec.NumaNode : null);
        files.CheckSizes(geometry);
        int slot = (int)stored.Slot;
        _resources.UmemSlots.Claim(slot);
        Umem memory = Umem.Adopt(files, geometry, _resources.UmemCounters(slot));
        Worker worker = _resources.Workers.OfSlot(stored.WorkerSlot);
        var umem = new UmemResource(stored.Umem, slot, worker, files, memory)
        {
            WildCompletionsTold = memory.WildCompletions,
        };
        _resources.Umems.Add(umem.Name, umem);
        _resources.Publish(umem);
    }

    private void AdoptSocket(StoreEntry entry)
    {
        StoredXskSocket stored = StoredXskSocket.Parser.ParseFrom(entry.Metadata);
        CheckDescriptors(entry, stored.Bound ? 2 : 1);
        UmemResource umem = _resources.Umem(stored.XskSocket.Spec.Umem);
        int slot = (int)stored.Slot;
        _resources.PortSlots.Claim(slot);
        var socket = new XskResource(
            stored.XskSocket, slot, umem, NetworkNamespace.Adopt(entry.Descriptors[0]));
        if (!stored.Bound || !TryAdoptBinding(socket, stored, entry.Descriptors[1]))
        {
            PortRecovery.CountLost(_resources.PortCounters(slot));
            socket.State = V1.XskState.DeviceLost;
            socket.StateReason = "the device was lost before the data plane was restarted";
        }

        umem.Sockets.Add(socket);
        _resources.Sockets.Add(socket.Name, socket);
        _resources.Publish(socket);
    }

    /// <returns>False when the socket outlived its device: the kernel maps the rings of such a one no more.</returns>
    private bool TryAdoptBinding(XskResource socket, StoredXskSocket stored, FileDescriptor descriptor)
    {
        AfXdpSocket kernel = AfXdpSocket.Adopt(descriptor);
        var rings = new XskRings(kernel);
        try
        {
            XskPort port = AdoptPort(socket, stored, kernel, rings);
            InterfaceProgram program = _resources.Programs.Acquire(
                socket.Network, (int)stored.Ifindex, socket.Asked.Spec.XdpMode, socket.Asked.Spec.ScatterGather);
            if (IsFirstOfPool(port))
            {
                // That life may have ended between two sockets of the queue, or somebody took the program off.
                program.RestoreSocket(socket.Asked.Spec.Queue, kernel);
            }

            socket.Port = port;
            socket.Binding = new XskBinding(kernel, rings, port.Pool, port, program)
            {
                ZeroCopy = (kernel.GetOptions().flags & IfXdp.XDP_OPTIONS_ZEROCOPY) != 0,
                ModeReason = stored.ModeReason,
                TxBudget = stored.TxBudget,
                SharedUmem = stored.SharedUmem,
                BindFlags = stored.HasBindFlags
                    ? (ushort)stored.BindFlags
                    : XskBinder.FlagsOf(socket.Asked.Spec),
                BusyPollDevice = socket.Asked.Spec.BusyPoll is { } wish
                    ? _resources.BusyPoll.Acquire(socket.Network, (int)stored.Ifindex, "", wish)
                    : null,
            };
            _ports.Add(socket.Slot, port);
            RestoreStatistics(socket);
            return true;
        }
        catch (LinuxException lost) when (lost.Errno is Errno.EBUSY or Errno.ENXIO or Errno.ENODEV)
        {
            ForgetPool(stored);
            rings.Dispose();
            kernel.Dispose();
            return false;
        }
        catch
        {
            ForgetPool(stored);
            rings.Dispose();
            throw;
        }
    }

    private bool IsFirstOfPool(XskPort port) => _ports.Values.All(other => !ReferenceEquals(other.Pool, port.Pool));

    // A pool that was mapped through the rings of a socket that is not adopted is gone with them.
    private void ForgetPool(StoredXskSocket stored)
    {
        int poolId = (int)stored.PoolId;
        if (_pools.TryGetValue(poolId, out XskPool? pool)
            && _ports.Values.All(other => !ReferenceEquals(other.Pool, pool)))
        {
            _pools.Remove(poolId);
            _resources.PoolIds.Give(poolId);
        }
    }

    private XskPort AdoptPort(XskResource socket, StoredXskSocket stored, AfXdpSocket kernel, XskRings rings)
    {
        V1.RingSizes sizes = socket.Asked.Spec.Rings;
        int poolId = (int)stored.PoolId;
        if (!_pools.TryGetValue(poolId, out XskPool? pool))
        {
            pool = new XskPool(
                poolId, socket.Umem.Memory, rings.Fill(new RingSize(sizes.Fill)),
                rings.Completion(new RingSize(sizes.Completion)));
            _resources.PoolIds.Claim(poolId);
            _pools.Add(poolId, pool);
        }

        PortIdentity seen = _resources.Segment.Port(socket.Slot).Identity;
        return new XskPort(
            socket.Slot, kernel, pool, rings.Rx(new RingSize(sizes.Rx)), rings.Tx(new RingSize(sizes.Tx)),
            _resources.PortCounters(socket.Slot))
        {
            SegmentsMax = socket.Asked.Spec.ScatterGather ? Forwarding.Forwarder.SegmentsMax : 1,
            FrameBytesMax = seen.FrameBytesMax == 0 ? uint.MaxValue : seen.FrameBytesMax,
            IsUp = seen.State != (uint)V1.XskState.DeviceDown,
        };
    }

    // The segment has the sum over all bindings, the socket what it counted itself.
    private void RestoreStatistics(XskResource socket)
    {
        PortKernel sum = _resources.Segment.Port(socket.Slot).Kernel;
        xdp_statistics now = socket.Binding!.Socket.GetStatistics();
        socket.EarlierStatistics = new xdp_statistics
        {
            rx_dropped = Earlier(sum.RxDropped, now.rx_dropped),
            rx_invalid_descs = Earlier(sum.RxInvalidDescs, now.rx_invalid_descs),
            tx_invalid_descs = Earlier(sum.TxInvalidDescs, now.tx_invalid_descs),
            rx_ring_full = Earlier(sum.RxRingFull, now.rx_ring_full),
            rx_fill_ring_empty_descs = Earlier(sum.RxFillRingEmptyDescs, now.rx_fill_ring_empty_descs),
            tx_ring_empty_descs = Earlier(sum.TxRingEmptyDescs, now.tx_ring_empty_descs),
        };

        static ulong Earlier(ulong sum, ulong now) => sum > now ? sum - now : 0;
    }

    private void AdoptLink(StoreEntry entry)
    {
        StoredLink stored = StoredLink.Parser.ParseFrom(entry.Metadata);
        CheckDescriptors(entry, 0);
        commands.Links.Adopt(stored.Link);
    }

    private void AdoptBridge(StoreEntry entry)
    {
        StoredBridge stored = StoredBridge.Parser.ParseFrom(entry.Metadata);
        CheckDescriptors(entry, 0);
        commands.Bridges.Adopt(stored.Bridge);
    }

    private static void CheckDescriptors(StoreEntry entry, int expected)
    {
        if (entry.Descriptors.Count != expected)
        {
            throw new InvalidDataException($"{entry.Descriptors.Count} descriptors, expected {expected}");
        }
    }
}
