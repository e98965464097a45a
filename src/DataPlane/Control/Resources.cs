using System.Runtime.CompilerServices;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Node;
using Nf.DataPlane.Xdp;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Control;

/// <summary>Everything that exists in this life of the data plane, by name. Control thread only.</summary>
internal sealed unsafe class Resources(
    SegmentWriter segment, StateFile state, ResourceStore store, InterfacePrograms programs, WorkerSet workers,
    EventLog events)
{
    /// <summary>Most links. Arbitrary.</summary>
    internal const int LinkCountMax = 128;

    /// <summary>Most bridges. Arbitrary.</summary>
    internal const int BridgeCountMax = 32;

    /// <summary>Most cpumaps. Arbitrary.</summary>
    internal const int CpumapCountMax = 64;

    /// <summary>Most programs for entries of cpumaps. Arbitrary; each may have a file of 1 MiB.</summary>
    internal const int CpumapProgramCountMax = 64;

    internal SegmentWriter Segment { get; } = segment;

    internal StateFile State { get; } = state;

    internal ResourceStore Store { get; } = store;

    internal InterfacePrograms Programs { get; } = programs;

    /// <summary>Device settings that busy polling changed.</summary>
    internal BusyPollSettings BusyPoll { get; } = new(store.Put, store.Drop);

    internal WorkerSet Workers { get; } = workers;

    /// <summary>The queues of cpumaps in user space, by name.</summary>
    internal Dictionary<string, UserspaceQueues> Queues { get; } = new(StringComparer.Ordinal);

    internal EventLog Events { get; } = events;

    internal SortedDictionary<string, UmemResource> Umems { get; } = new(StringComparer.Ordinal);

    internal SortedDictionary<string, XskResource> Sockets { get; } = new(StringComparer.Ordinal);

    internal SortedDictionary<string, LinkResource> Links { get; } = new(StringComparer.Ordinal);

    internal SortedDictionary<string, VhostResource> VhostDevices { get; } = new(StringComparer.Ordinal);

    internal SortedDictionary<string, BridgeResource> Bridges { get; } = new(StringComparer.Ordinal);

    /// <summary>What connects ports with where their frames go.</summary>
    internal Crossings Crossings { get; } = new(workers.Mesh);

    internal SortedDictionary<string, CpumapResource> Cpumaps { get; } = new(StringComparer.Ordinal);

    internal SortedDictionary<string, CpumapProgramResource> CpumapPrograms { get; } = new(StringComparer.Ordinal);

    /// <summary>Who sends to ports besides links and bridges.</summary>
    internal IPortUsers PortUsers { get; set; } = new NoPortUsers();

    internal SortedDictionary<string, SteeringResource> Steerings { get; } = new(StringComparer.Ordinal);

    internal SlotAllocator SteeringSlots { get; } = new(SegmentLayout.SteeringRuleCountMax, "rules of steerings");

    /// <summary>Links and bridges.</summary>
    internal IEnumerable<IConnection> Connections => Links.Values.Concat<IConnection>(Bridges.Values);

    internal SlotAllocator UmemSlots { get; } = new(SegmentLayout.UmemCountMax, "UMEMs");

    internal SlotAllocator PortSlots { get; } = new(
        SegmentLayout.PortCountMax, "sockets and queue pairs of vhost devices");

    internal SlotAllocator CpumapEntrySlots { get; } = new(SegmentLayout.CpumapEntryCountMax, "entries of cpumaps");

    /// <summary>Numbers of pools in the ledgers: as many as sockets, and some that are being released.</summary>
    internal SlotAllocator PoolIds { get; } = new(2 * SegmentLayout.PortCountMax, "socket pools");

    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE.</exception>
    internal UmemResource Umem(string name) => Umems.GetValueOrDefault(name) ?? throw Unknown("UMEM", name);

    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE.</exception>
    internal XskResource Socket(string name) => Sockets.GetValueOrDefault(name) ?? throw Unknown("socket", name);

    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE.</exception>
    internal LinkResource Link(string name) => Links.GetValueOrDefault(name) ?? throw Unknown("link", name);

    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE.</exception>
    internal VhostResource VhostDevice(string name) =>
        VhostDevices.GetValueOrDefault(name) ?? throw Unknown("vhost device", name);

    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE.</exception>
    internal BridgeResource Bridge(string name) => Bridges.GetValueOrDefault(name) ?? throw Unknown("bridge", name);

    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE.</exception>
    internal CpumapResource Cpumap(string name) => Cpumaps.GetValueOrDefault(name) ?? throw Unknown("cpumap", name);

    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE.</exception>
    internal CpumapProgramResource CpumapProgram(string name) =>
        CpumapPrograms.GetValueOrDefault(name) ?? throw Unknown("cpumap program", name);

    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE.</exception>
    internal SteeringResource Steering(string name) =>
        Steerings.GetValueOrDefault(name) ?? throw Unknown("steering", name);

    /// <summary>Where the counters of a port are. SAFETY: mapped memory, which does not move, for the life of the
    /// process.</summary>
    internal PortSlot* PortCounters(int slot) => (PortSlot*)Unsafe.AsPointer(ref Segment.Port(slot));

    /// <summary>Where the counters of a UMEM are. SAFETY: as above.</summary>
    internal UmemCounters* UmemCounters(int slot) =>
        (UmemCounters*)Unsafe.AsPointer(ref Segment.Umem(slot).Counters);

    /// <summary>Writes what a socket is and how it stands into the segment.</summary>
    internal void Publish(XskResource socket)
    {
        ref PortIdentity line = ref Segment.Port(socket.Slot).Identity;
        line.State = (uint)socket.State;
        line.UmemSlot = (uint)socket.Umem.Slot;
        line.WorkerSlot = (uint)socket.Umem.Worker.Slot;
        line.Ifindex = (uint)(socket.Device?.Ifindex ?? 0);
        line.Queue = (uint)socket.Queue;
        line.ZeroCopy = socket.Binding is { ZeroCopy: true } ? 1u : 0u;
        line.FrameBytesMax = socket.Device is null ? 0 : XskResource.FrameBytesOf(socket.Device);
        line.InUse = 1;
    }

    /// <summary>Writes what a UMEM is into the segment.</summary>
    internal void Publish(UmemResource umem)
    {
        ref UmemIdentity line = ref Segment.Umem(umem.Slot).Identity;
        line.State = (uint)umem.State;
        line.ChunkCount = umem.Memory.ChunkCount;
        line.ChunkSizeBytes = umem.Memory.Geometry.ChunkSizeBytes;
        line.MappedBytes = (ulong)umem.Files.PacketBytes(umem.Memory.Geometry);
        line.WorkerSlot = (uint)umem.Worker.Slot;
        line.InUse = 1;
    }

    /// <summary>Writes what the queue pairs of a device are and how it stands into the segment.</summary>
    internal void Publish(VhostResource device)
    {
        for (int pair = 0; pair < device.Slots.Count; pair++)
        {
            ref PortIdentity line = ref Segment.Port(device.Slots[pair]).Identity;
            line.Kind = (uint)PortKind.Vhost;
            line.State = (uint)device.State;
            line.WorkerSlot = (uint)device.Worker.Slot;
            line.Queue = (uint)pair;
            line.FrameBytesMax = device.VhostPorts[pair].FrameBytesMax;
            line.InUse = 1;
        }
    }

    /// <summary>Stores and publishes a group of ports that has another worker now.</summary>
    internal void Remember(IPortGroup group)
    {
        switch (group)
        {
            case UmemResource umem:
                Store.Put(umem);
                Publish(umem);
                foreach (XskResource socket in umem.Sockets)
                {
                    Publish(socket);
                }

                break;
            case VhostResource device:
                Store.Put(device);
                Publish(device);
                break;
        }
    }

    /// <summary>Writes the kernel's counters of every socket into the segment.</summary>
    internal void PublishStatistics()
    {
        foreach (XskResource socket in Sockets.Values)
        {
            xdp_statistics statistics = socket.Statistics();
            ref PortKernel line = ref Segment.Port(socket.Slot).Kernel;
            line.RxDropped = statistics.rx_dropped;
            line.RxInvalidDescs = statistics.rx_invalid_descs;
            line.TxInvalidDescs = statistics.tx_invalid_descs;
            line.RxRingFull = statistics.rx_ring_full;
            line.RxFillRingEmptyDescs = statistics.rx_fill_ring_empty_descs;
            line.TxRingEmptyDescs = statistics.tx_ring_empty_descs;
        }
    }

    private static CommandFaultException Unknown(string what, string name) =>
        new("UNKNOWN_RESOURCE", $"there is no {what} \"{name}\"", Errno.ENOENT);
}
