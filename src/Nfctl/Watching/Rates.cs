using Nf.V1;

namespace Nf.Ctl.Watching;

/// <summary>Rates of one direction; null where no honest figure can be given.</summary>
/// <param name="Packets">Packets per second.</param>
/// <param name="Bytes">Bytes per second.</param>
internal readonly record struct Flow(double? Packets, double? Bytes);

/// <summary>Rates of one socket, or of one queue pair of a device.</summary>
internal sealed record PortRates(PortStats Port, Flow In, Flow Out, IReadOnlyList<DropRate> Drops);

/// <summary>Packets dropped per second for one reason.</summary>
internal readonly record struct DropRate(string Reason, double Packets);

/// <summary>Rates of one link.</summary>
internal sealed record LinkRates(string Link, Flow AToB, Flow BToA);

/// <summary>What one worker did: the share of its time spent on packets, and packets per second.</summary>
internal sealed record WorkerRates(uint Cpu, double? Busy, double? Packets);

/// <summary>The rates between two readings of the counters.</summary>
internal sealed record Rates(
    DateTimeOffset Time,
    ulong Generation,
    bool Restarted,
    IReadOnlyList<PortRates> Ports,
    IReadOnlyList<LinkRates> Links,
    IReadOnlyList<WorkerRates> Workers,
    IReadOnlyList<CpumapEntryRates> Entries,
    IReadOnlyList<SteeringRuleRates> Rules);
