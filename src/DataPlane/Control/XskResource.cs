using Nf.DataPlane.Ports;
using Nf.Linux;
using Nf.V1;
using XdpStatistics = Nf.V1.XdpStatistics;

namespace Nf.DataPlane.Control;

/// <summary>An AF_XDP socket as the control thread knows it: what was asked for, and what stands behind it
/// now.</summary>
internal sealed class XskResource(XskSocket asked, int slot, UmemResource umem, Linux.NetworkNamespace network)
    : IConnectable
{
    public string Type => "xsk_socket";

    public string Name { get; } = asked.Name;

    public IPortGroup Group => Umem;

    public IConnection? Connection { get; set; }

    public string WhyDown => State == XskState.Bound ? "" : StateReason.Length != 0 ? StateReason : $"{State}";

    public bool IsEnding => State == XskState.Releasing;

    public IReadOnlyList<Port?> Ports => [Port];

    public IReadOnlyList<Port?> Targets => [Port];

    /// <summary>Name, spec and labels as they were asked for.</summary>
    internal XskSocket Asked { get; } = asked;

    internal int Slot { get; } = slot;

    internal UmemResource Umem { get; } = umem;

    /// <summary>Where its interface is.</summary>
    internal Linux.NetworkNamespace Network { get; } = network;

    /// <summary>Identity of <see cref="Network"/>.</summary>
    internal FileIdentity NetworkIdentity { get; } = network.Identity;

    /// <summary>What the kernel gave it; null while the device is lost, or after it was unbound.</summary>
    internal XskBinding? Binding { get; set; }

    /// <summary>Its port, also while lost: a port that is down tells its peers to drop.</summary>
    internal XskPort? Port { get; set; }

    internal bool IsBound => Binding is not null;

    internal XskState State { get; set; } = XskState.Bound;

    internal string StateReason { get; set; } = "";

    /// <summary>The interface as it was last heard of.</summary>
    internal LinkInfo? Device { get; set; }

    internal string Driver { get; set; } = "";

    /// <summary>Receive queues of the interface in use; 0 while unknown.</summary>
    internal int DeviceQueueCount { get; set; }

    /// <summary>Kernel counters of bindings that are over.</summary>
    internal xdp_statistics EarlierStatistics { get; set; }

    /// <summary>The pool whose chunks come back when the kernel has let go of it; null when it has.</summary>
    internal XskPool? ReleasingPool { get; set; }

    /// <summary>When that release began, in CLOCK_MONOTONIC nanoseconds.</summary>
    internal long ReleasingSinceNs { get; set; }

    /// <summary>The interface of that pool.</summary>
    internal int ReleasingIfindex { get; set; }

    internal int Queue => (int)Asked.Spec.Queue;

    /// <summary>Kernel counters over all bindings.</summary>
    internal xdp_statistics Statistics()
    {
        xdp_statistics sum = EarlierStatistics;
        if (Binding is { } binding)
        {
            xdp_statistics now = binding.Socket.GetStatistics();
            sum.rx_dropped += now.rx_dropped;
            sum.rx_invalid_descs += now.rx_invalid_descs;
            sum.tx_invalid_descs += now.tx_invalid_descs;
            sum.rx_ring_full += now.rx_ring_full;
            sum.rx_fill_ring_empty_descs += now.rx_fill_ring_empty_descs;
            sum.tx_ring_empty_descs += now.tx_ring_empty_descs;
        }

        return sum;
    }

    internal XskSocket Describe()
    {
        XskSocket socket = Asked.Clone();
        xdp_statistics statistics = Statistics();
        socket.Status = new XskSocketStatus
        {
            State = State,
            StateReason = StateReason,
            Interface = Device?.Name ?? "",
            Ifindex = (uint)(Device?.Ifindex ?? 0),
            Rings = Asked.Spec.Rings.Clone(),
            Link = (Connection as LinkResource)?.Name ?? "",
            WorkerCpu = (uint)Umem.Worker.Cpu,
            SegmentSlot = (uint)Slot,
            Driver = Driver,
            FrameBytesMax = Device is null ? 0 : FrameBytesOf(Device),
            Statistics = new XdpStatistics
            {
                RxDropped = statistics.rx_dropped,
                RxInvalidDescs = statistics.rx_invalid_descs,
                TxInvalidDescs = statistics.tx_invalid_descs,
                RxRingFull = statistics.rx_ring_full,
                RxFillRingEmptyDescs = statistics.rx_fill_ring_empty_descs,
                TxRingEmptyDescs = statistics.tx_ring_empty_descs,
            },
        };
        Binding?.Report(socket.Status);
        return socket;
    }

    /// <summary>An Ethernet header and a VLAN tag: what a frame has beside the MTU.</summary>
    internal const uint EthernetBytes = 14 + 4;

    /// <summary>Largest frame that an interface takes: its MTU, an Ethernet header and a VLAN tag.</summary>
    internal static uint FrameBytesOf(LinkInfo device) => (uint)device.MtuBytes + EthernetBytes;
}
