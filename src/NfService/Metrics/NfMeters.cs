using System.Diagnostics.Metrics;
using System.Runtime.InteropServices;
using Nf.SharedMemory.Segments;
using Nf.V1;
using Tag = System.Collections.Generic.KeyValuePair<string, object?>;

namespace Nf.Service;

/// <summary>The instruments of this service. What they show is read when a scrape asks, from memory only.</summary>
internal sealed partial class NfMeters
{
    private readonly MetricSource _source;
    private readonly DesiredState _desired;
    private readonly EventLog _events;
    private readonly IDataPlane _dataPlane;
    private readonly NamedMeter _meter;

    public NfMeters(
        IMeterFactory meters, MetricSource source, DesiredState desired, EventLog events, IDataPlane dataPlane)
    {
        _source = source;
        _desired = desired;
        _events = events;
        _dataPlane = dataPlane;
        _meter = new NamedMeter(meters);
        AddNode();
        AddSockets();
        AddUmemsAndLinks();
        AddVhostDevices();
        AddBridges();
        AddCpumaps();
        AddSteerings();
        AddLeases();
        AddWorkers();
    }

    private static Tag[] Tags(params (string Key, object? Value)[] tags) =>
        Array.ConvertAll(tags, tag => new Tag(tag.Key, tag.Value));

    private static Measurement<long> One(params Tag[] tags) => new(1, tags);

    // Counters of the segment are unsigned; none gets near 2^63.
    private static Measurement<long> Count(ulong value, params (string Key, object? Value)[] tags) =>
        new((long)value, Tags(tags));

    // Labels of the caller get a prefix, so that they cannot collide with ours.
    private static Tag[] WithLabels(
        IEnumerable<KeyValuePair<string, string>> labels, params (string, object?)[] tags) =>
        [.. Tags(tags), .. labels.Select(label => new Tag($"label_{label.Key}", label.Value))];

    private void AddNode()
    {
        _meter.CreateObservableGauge(
            "nf_build_info",
            () => One(Tags(
                ("version", NodeDescription.Version), ("runtime", RuntimeInformation.FrameworkDescription))),
            null, "Version of nf-service");
        _meter.CreateObservableGauge(
            "nf_data_plane_up", () => _dataPlane.Hello is null ? 0 : 1, null, "1 while a data plane is connected");
        _meter.CreateObservableGauge(
            "nf_data_plane_generation",
            () => _source.Read().Segment is { } s ? [Count(s.Generation)] : Array.Empty<Measurement<long>>(),
            null, "Which life of the data plane counts; goes up with every restart");
        _meter.CreateObservableGauge(
            "nf_data_plane_heartbeat_age",
            () => _source.Read().Segment is { } s
                ? [new Measurement<double>(s.HeartbeatAgeNs / 1e9)]
                : Array.Empty<Measurement<double>>(),
            "s", "Time since the data plane's control thread last came round");
        _meter.CreateObservableCounter(
            "nf_events",
            () => Enum.GetValues<EventKind>().Skip(1)
                .Select(kind => Count(_events.CountOf(kind), ("kind", MetricNames.Snake(kind.ToString())))),
            null, "Events by kind");
        _meter.CreateObservableGauge(
            "nf_quota_used",
            () => _desired.UsedBytesByOwner().Select(owner => Count(owner.Value, ("owner", owner.Key))),
            "By", "Packet memory that an owner holds");
        _meter.CreateObservableGauge(
            "nf_quota_limit",
            () => _desired.UsedBytesByOwner().Keys
                .Where(owner => _desired.Quotas.LimitOf(owner) is not null)
                .Select(owner => Count(_desired.Quotas.LimitOf(owner)!.Value, ("owner", owner))),
            "By", "Packet memory that an owner may hold");
    }

    private void AddWorkers()
    {
        WorkerCounter("nf_worker_polls", worker => worker.Polls, "Rounds of the poll loop");
        WorkerCounter("nf_worker_sleeps", worker => worker.Sleeps, "Times a worker went to sleep for want of packets");
        WorkerCounter("nf_worker_packets", worker => worker.Packets, "Packets received");
        WorkerCounter("nf_worker_batches", worker => worker.Batches, "Receive bursts that were not empty");
        WorkerCounter("nf_worker_commands", worker => worker.Commands, "Commands taken from the inbox");
        _meter.CreateObservableCounter(
            "nf_worker_busy",
            () => Workers().Select(w => new Measurement<double>(w.Slot.Counters.BusyNs / 1e9, Cpu(w.Slot))),
            "s", "Time spent in rounds that found work");
        _meter.CreateObservableCounter(
            "nf_worker_running",
            () => Workers().Select(w => new Measurement<double>(
                Math.Max(0, w.NowNs - w.Slot.Counters.StartedNs) / 1e9, Cpu(w.Slot))),
            "s", "Time since the worker began");
    }

    private static Tag[] Cpu(WorkerSlot worker) => Tags(("cpu", worker.Identity.Cpu));

    private IEnumerable<(WorkerSlot Slot, long NowNs)> Workers() =>
        _source.Read().Segment is { } segment
            ? segment.Workers.Select(slot => (slot, segment.TakenMonotonicNs))
            : [];

    private void WorkerCounter(string name, Func<WorkerCounters, ulong> read, string help) =>
        _meter.CreateObservableCounter(
            name,
            () => Workers().Select(w => new Measurement<long>((long)read(w.Slot.Counters), Cpu(w.Slot))),
            null,
            help);
}
