using System.Diagnostics.Metrics;
using Nf.SharedMemory.Segments;
using Nf.V1;

namespace Nf.Service;

// Instruments of vhost-user devices. Every series has the label vhost_device, by which nf_vhost_device_info joins the
// rest. What is counted per queue pair comes from the segment, what is counted per device from its last status.
internal sealed partial class NfMeters
{
    private const string VhostLabel = "vhost_device";

    private void AddVhostDevices()
    {
        _meter.CreateObservableGauge("nf_vhost_device_info", VhostInfos, null, "What a vhost-user device is");
        VhostGauge("nf_vhost_device_connected", null, "1 while a front-end is connected",
            d => d.State is VhostState.Connected or VhostState.Started or VhostState.Broken ? 1 : 0);
        VhostGauge("nf_vhost_device_up", null, "1 while a guest's rings carry traffic",
            d => d.State == VhostState.Started ? 1 : 0);
        VhostGauge("nf_vhost_device_dirty_log_active", null, "1 while written pages are logged, for a migration",
            d => d.DirtyLog?.Active == true ? 1 : 0);
        VhostGauge("nf_vhost_device_memory", "By", "Memory of the guest that is mapped",
            d => (long)d.Regions.Aggregate(0UL, (sum, region) => sum + region.SizeBytes));
        _meter.CreateObservableCounter(
            "nf_vhost_device_connections",
            () => VhostStatuses().Select(d => Count(d.Status.Connections, (VhostLabel, d.Name))),
            null, "Connections of front-ends");
        _meter.CreateObservableCounter(
            "nf_vhost_device_faults",
            () => VhostStatuses().SelectMany(d => d.Status.Faults.DistinctBy(fault => fault.Kind).Select(
                fault => Count(fault.Count, (VhostLabel, d.Name), ("kind", fault.Kind)))),
            null, "What a front-end or guest did wrong, by kind");
        AddVhostPorts();
    }

    private void AddVhostPorts()
    {
        VhostCounter("nf_vhost_packets", null, "Packets between a guest and its worker; rx is what the guest sent",
            "direction", ("rx", s => s.Traffic.RxPackets), ("tx", s => s.Traffic.TxPackets));
        VhostCounter("nf_vhost_bytes", "By", "Bytes of those packets",
            "direction", ("rx", s => s.Traffic.RxBytes), ("tx", s => s.Traffic.TxBytes));
        VhostCounter("nf_vhost_rx_batches", null, "Receive bursts that were not empty", s => s.Traffic.RxBatches);
        VhostCounter("nf_vhost_kicks", null, "Kicks received from a guest", s => s.Vhost.KicksReceived);
        VhostCounter("nf_vhost_calls", null, "Calls to a guest: sent, or suppressed as it had no need of them",
            "result", ("sent", s => s.Vhost.CallsSent), ("suppressed", s => s.Vhost.CallsSuppressed));
        VhostCounter("nf_vhost_bad_chains", null, "Descriptor chains refused", s => s.Vhost.BadChains);
        VhostCounter("nf_vhost_ring_faults", null, "Rings given up as the guest broke a rule", s => s.Vhost.RingFaults);
        _meter.CreateObservableCounter(
            "nf_vhost_drops",
            () => VhostPorts().SelectMany(p => PortDropCounts.Of(p.Slot).Select(drop => Count(
                drop.Packets, [.. PairTags(p), ("direction", drop.Direction), ("reason", drop.Reason)]))),
            null, "Packets dropped, by reason, each packet once");
        _meter.CreateObservableGauge(
            "nf_vhost_ring_pending",
            () => VhostPorts().SelectMany(p => new[]
            {
                Count(p.Slot.Vhost.RxPending, [.. PairTags(p), ("ring", "to_guest")]),
                Count(p.Slot.Vhost.TxPending, [.. PairTags(p), ("ring", "from_guest")]),
            }),
            null, "Buffers waiting in a ring: what a guest can still be sent, and what it sent and was not taken yet");
    }

    private static (string, object?)[] PairTags(VhostPortSlot port) =>
        [(VhostLabel, port.Device.Name), ("queue_pair", port.Pair)];

    private IEnumerable<VhostPortSlot> VhostPorts()
    {
        (Running running, SegmentSnapshot? segment) = _source.Read();
        return segment is null ? [] : SegmentSlots.VhostPorts(running, segment);
    }

    private IEnumerable<VhostDevice> VhostStatuses() => _source.Read() is { Segment: not null, Running: var running }
        ? running.VhostDevices.Values.Where(device => device.Status is not null)
        : [];

    private IEnumerable<Measurement<long>> VhostInfos() => VhostStatuses().Select(device => One(WithLabels(
        device.Labels,
        (VhostLabel, device.Name),
        ("socket_path", device.Spec?.SocketPath ?? ""),
        ("role", MetricNames.Snake((device.Spec?.Role ?? VhostRole.Server).ToString())),
        ("link", device.Status.Link),
        ("bridge", device.Status.Bridge),
        ("worker_cpu", device.Status.WorkerCpu))));

    private void VhostGauge(string name, string? unit, string help, Func<VhostDeviceStatus, long> read) =>
        _meter.CreateObservableGauge(
            name,
            () => VhostStatuses().Select(
                device => new Measurement<long>(read(device.Status), Tags((VhostLabel, device.Name)))),
            unit,
            help);

    private void VhostCounter(string name, string? unit, string help, Func<PortSlot, ulong> read) =>
        _meter.CreateObservableCounter(
            name, () => VhostPorts().Select(p => Count(read(p.Slot), PairTags(p))), unit, help);

    private void VhostCounter(
        string name,
        string? unit,
        string help,
        string label,
        params (string Value, Func<PortSlot, ulong> Read)[] rows) =>
        _meter.CreateObservableCounter(
            name,
            () => VhostPorts().SelectMany(p => rows.Select(
                row => Count(row.Read(p.Slot), [.. PairTags(p), (label, row.Value)]))),
            unit,
            help);
}
