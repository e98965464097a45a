using System.Diagnostics.Metrics;
using Nf.V1;

namespace Nf.Service;

// Instruments of steerings.
internal sealed partial class NfMeters
{
    private void AddSteerings()
    {
        _meter.CreateObservableGauge(
            "nf_steering_info",
            () => SteeringStatuses().Select(steering => One(WithLabels(
                steering.Labels,
                ("steering", steering.Name),
                ("interface", steering.Spec?.Interface ?? ""),
                ("ifindex", steering.Status.Ifindex),
                ("xdp_mode", MetricNames.Snake(steering.Status.XdpMode.ToString())),
                ("program_id", steering.Status.ProgramId)))),
            null, "What a steering is and was granted");
        SteeringGauge("nf_steering_up", "1 while the program runs on the interface",
            s => s.Status.State == SteeringState.Active ? 1 : 0);
        SteeringGauge("nf_steering_rules", "Rules", s => s.Status.Rules.Count);
        SteeringGauge("nf_steering_revision", "How often rules were set", s => (long)s.Status.Revision);
        SteeringGauge("nf_steering_prefixes", "Prefixes of all its rules",
            s => s.Status.Rules.Sum(rule => (long)rule.Prefixes));
        RuleCounter("nf_steering_rule_packets", null,
            "Packets that a rule matched; \"default\" where none did, \"management\" where none was asked",
            found => found.Slot.Packets);
        RuleCounter("nf_steering_rule_bytes", "By", "Bytes of those packets", found => found.Slot.Bytes);
    }

    private IEnumerable<Steering> SteeringStatuses() => _source.Read() is { Segment: not null, Running: var running }
        ? running.Steerings.Values.Where(steering => steering.Status is not null)
        : [];

    private void SteeringGauge(string name, string help, Func<Steering, long> read) => _meter.CreateObservableGauge(
        name,
        () => SteeringStatuses().Select(s => new Measurement<long>(read(s), Tags(("steering", s.Name)))),
        null,
        help);

    private void RuleCounter(string name, string? unit, string help, Func<SteeringRuleOfSegment, ulong> read) =>
        _meter.CreateObservableCounter(
            name,
            () => _source.Read() is { Segment: { } segment, Running: var running }
                ? SteerStatsOf.Rules(running, segment).Select(found => Count(
                    read(found), ("steering", found.Steering.Name), ("rule", found.Rule)))
                : [],
            unit,
            help);
}
