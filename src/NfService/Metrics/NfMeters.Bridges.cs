using System.Diagnostics.Metrics;
using Nf.V1;

namespace Nf.Service;

// Instruments of bridges, from their last statuses.
internal sealed partial class NfMeters
{
    private void AddBridges()
    {
        _meter.CreateObservableGauge(
            "nf_bridge_info",
            () => BridgeStatuses().Select(bridge => One(WithLabels(
                bridge.Labels, ("bridge", bridge.Name), ("ports", bridge.Spec?.Endpoints.Count ?? 0)))),
            null, "What a bridge is");
        BridgeGauge("nf_bridge_up", "1 while every socket and device of every endpoint carries traffic",
            b => b.Status.State == BridgeState.Up ? 1 : 0);
        BridgeGauge("nf_bridge_entries", "Addresses learned", b => b.Status.Entries);
        BridgeGauge("nf_bridge_entries_limit", "Addresses that can be learned", b => b.Spec?.EntriesMax ?? 0);
        BridgeCounter("nf_bridge_learned", "Addresses learned so far", b => b.Learned);
        BridgeCounter("nf_bridge_moved", "Addresses heard on another endpoint than before", b => b.Moved);
        BridgeCounter("nf_bridge_aged", "Addresses forgotten as they sent nothing for too long", b => b.Aged);
        BridgeCounter("nf_bridge_flooded_packets", "Packets sent to all other endpoints", b => b.FloodedPackets);
        BridgeCounter("nf_bridge_table_full_packets",
            "Packets whose sender was not learned as the table, or the endpoint's share of it, is full",
            b => b.TableFullPackets);
        BridgePortCounter("nf_bridge_port_packets", null, "Packets of an endpoint of a bridge",
            ("rx", p => p.RxPackets), ("tx", p => p.TxPackets));
        BridgePortCounter("nf_bridge_port_bytes", "By", "Bytes of those packets",
            ("rx", p => p.RxBytes), ("tx", p => p.TxBytes));
        BridgePortCounter("nf_bridge_port_dropped_packets", null,
            "Packets that an endpoint of a bridge could not take, copies of flooded ones included",
            ("tx", p => p.DroppedPackets));
    }

    private IEnumerable<Bridge> BridgeStatuses() => _source.Read() is { Segment: not null, Running: var running }
        ? running.Bridges.Values.Where(bridge => bridge.Status is not null)
        : [];

    private void BridgeGauge(string name, string help, Func<Bridge, long> read) => _meter.CreateObservableGauge(
        name,
        () => BridgeStatuses().Select(
            bridge => new Measurement<long>(read(bridge), Tags(("bridge", bridge.Name)))),
        null,
        help);

    private void BridgeCounter(string name, string help, Func<BridgeStatus, ulong> read) =>
        _meter.CreateObservableCounter(
            name,
            () => BridgeStatuses().Select(bridge => Count(read(bridge.Status), ("bridge", bridge.Name))),
            null,
            help);

    private void BridgePortCounter(
        string name, string? unit, string help, params (string Direction, Func<BridgePort, ulong> Read)[] rows) =>
        _meter.CreateObservableCounter(
            name,
            () => BridgeStatuses().SelectMany(bridge => bridge.Status.Ports.DistinctBy(port => port.Number).SelectMany(
                port => rows.Select(row => Count(
                    row.Read(port),
                    ("bridge", bridge.Name), ("port", port.Number), ("direction", row.Direction))))),
            unit,
            help);
}
