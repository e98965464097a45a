using System.Diagnostics.Metrics;
using Nf.SharedMemory.Segments;
using Nf.V1;

namespace Nf.Service;

// Instruments of the sockets. Every series has the label xsk_socket, by which nf_xsk_socket_info joins the rest.
internal sealed partial class NfMeters
{
    private const string SocketLabel = "xsk_socket";

    private void AddSockets()
    {
        _meter.CreateObservableGauge("nf_xsk_socket_info", SocketInfos, null, "What a socket is and was granted");
        _meter.CreateObservableGauge(
            "nf_xsk_socket_up",
            () => Sockets().Select(s => new Measurement<long>(
                s.Slot.Identity.State == (uint)XskState.Bound ? 1 : 0, Tags((SocketLabel, s.Socket.Name)))),
            null, "1 while a socket is bound and its device is up");
        SocketCounter("nf_xsk_socket_packets", null, "Packets passed between a socket and its worker", "direction",
            ("rx", s => s.Traffic.RxPackets), ("tx", s => s.Traffic.TxPackets));
        SocketCounter("nf_xsk_socket_bytes", "By", "Bytes of those packets", "direction",
            ("rx", s => s.Traffic.RxBytes), ("tx", s => s.Traffic.TxBytes));
        SocketCounter("nf_xsk_socket_kicks", null, "System calls that woke the kernel, by ring", "ring",
            ("tx", s => s.Rings.TxKicks), ("fill", s => s.Rings.FillKicks));
        SocketCounter("nf_xsk_socket_rx_batches", null, "Receive bursts that were not empty", s => s.Traffic.RxBatches);
        SocketCounter("nf_xsk_socket_tx_completions", null, "Chunks that came back sent", s => s.Rings.TxCompletions);
        SocketCounter("nf_xsk_socket_backpressure", null,
            "Rounds that left packets in the RX ring as the TX ring of the peer was full", s => s.Rings.Backpressure);
        _meter.CreateObservableCounter(
            "nf_xsk_socket_drops",
            () => Sockets().SelectMany(s => PortDropCounts.Of(s.Slot).Select(drop => Count(
                drop.Packets,
                (SocketLabel, s.Socket.Name), ("direction", drop.Direction), ("reason", drop.Reason)))),
            null, "Packets dropped, by reason, each packet once");
        _meter.CreateObservableGauge(
            "nf_xsk_socket_ring_level",
            () => Sockets().SelectMany(s => RingValues(
                s.Socket, s.Slot.Rings.RxLevel, s.Slot.Rings.TxLevel, s.Slot.Rings.FillLevel,
                s.Slot.Rings.CompletionLevel)),
            null, "Entries in a ring");
        _meter.CreateObservableGauge(
            "nf_xsk_socket_ring_size",
            () => Sockets().Where(s => s.Socket.Status.Rings is not null).SelectMany(s => RingValues(
                s.Socket, s.Socket.Status.Rings.Rx, s.Socket.Status.Rings.Tx, s.Socket.Status.Rings.Fill,
                s.Socket.Status.Rings.Completion)),
            null, "Entries that fit in a ring");
        AddKernelCounters();
    }

    // XDP_STATISTICS as the kernel counts them; one packet may be in two of them (nf_xsk_socket_drops has it once).
    private void AddKernelCounters()
    {
        const string Prefix = "nf_xsk_socket_kernel_";
        SocketCounter(Prefix + "rx_dropped", null,
            "XDP_STATISTICS rx_dropped: frames dropped for other reasons than a full RX ring", s => s.Kernel.RxDropped);
        SocketCounter(Prefix + "rx_invalid_descs", null,
            "XDP_STATISTICS rx_invalid_descs: invalid fill ring entries", s => s.Kernel.RxInvalidDescs);
        SocketCounter(Prefix + "tx_invalid_descs", null,
            "XDP_STATISTICS tx_invalid_descs: invalid TX ring entries", s => s.Kernel.TxInvalidDescs);
        SocketCounter(Prefix + "rx_ring_full", null,
            "XDP_STATISTICS rx_ring_full: frames dropped because the RX ring was full", s => s.Kernel.RxRingFull);
        SocketCounter(Prefix + "rx_fill_ring_empty_descs", null,
            "XDP_STATISTICS rx_fill_ring_empty_descs: frames dropped because the fill ring was empty",
            s => s.Kernel.RxFillRingEmptyDescs);
        SocketCounter(Prefix + "tx_ring_empty_descs", null,
            "XDP_STATISTICS tx_ring_empty_descs: times the TX ring was found empty", s => s.Kernel.TxRingEmptyDescs);
    }

    private static IEnumerable<Measurement<long>> RingValues(
        XskSocket socket, uint rx, uint tx, uint fill, uint completion) =>
    [
        Count(rx, (SocketLabel, socket.Name), ("ring", "rx")),
        Count(tx, (SocketLabel, socket.Name), ("ring", "tx")),
        Count(fill, (SocketLabel, socket.Name), ("ring", "fill")),
        Count(completion, (SocketLabel, socket.Name), ("ring", "completion")),
    ];

    private IEnumerable<(XskSocket Socket, PortSlot Slot)> Sockets()
    {
        (Running running, SegmentSnapshot? segment) = _source.Read();
        return segment is null
            ? []
            : SegmentSlots.Join(
                running.XskSockets.Values, segment.Ports, s => s.Status?.SegmentSlot, (socket, slot) => (socket, slot));
    }

    private IEnumerable<Measurement<long>> SocketInfos() => Sockets().Select(s =>
    {
        (XskSocket socket, PortSlot slot) = s;
        NetworkNamespace? named = socket.Spec?.NetworkNamespace;
        return One(WithLabels(
            socket.Labels,
            (SocketLabel, socket.Name),
            ("interface", socket.Status.Interface),
            ("queue", slot.Identity.Queue),
            ("umem", socket.Spec?.Umem ?? ""),
            ("mode", PortStatsOf.ModeName(slot.Identity.ZeroCopy != 0)),
            ("xdp_mode", MetricNames.Snake(socket.Status.XdpMode.ToString())),
            ("link", socket.Status.Link),
            ("bridge", socket.Status.Bridge),
            ("worker_cpu", socket.Status.WorkerCpu),
            ("netns", named is null ? "" : named.ByCase == NetworkNamespace.ByOneofCase.Path
                ? named.Path
                : $"pid:{named.Pid}")));
    });

    private void SocketCounter(string name, string? unit, string help, Func<PortSlot, ulong> read) =>
        _meter.CreateObservableCounter(
            name, () => Sockets().Select(s => Count(read(s.Slot), (SocketLabel, s.Socket.Name))), unit, help);

    private void SocketCounter(
        string name,
        string? unit,
        string help,
        string label,
        params (string Value, Func<PortSlot, ulong> Read)[] rows) =>
        _meter.CreateObservableCounter(
            name,
            () => Sockets().SelectMany(s => rows.Select(row => Count(
                row.Read(s.Slot), (SocketLabel, s.Socket.Name), (label, row.Value)))),
            unit,
            help);
}
