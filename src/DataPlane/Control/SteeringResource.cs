using System.Runtime.InteropServices;
using Nf.DataPlane.Steering;
using Nf.DataPlane.Xdp;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>Where a rule is counted.</summary>
/// <param name="Counter">Its slot in the map of counters.</param>
/// <param name="Segment">Its slot in the segment.</param>
internal readonly record struct RuleSlot(uint Counter, uint Segment);

/// <summary>Rules that were compiled for an interface.</summary>
/// <param name="Asked">Name, spec and labels as they were asked for.</param>
/// <param name="Slots">Of the rules in their order, then of no rule, then of management.</param>
internal sealed record RuleSet(V1.Steering Asked, IReadOnlyList<RuleSlot> Slots)
{
    /// <summary>The kernel's id of the program.</summary>
    internal uint ProgramId { get; init; }

    /// <summary>Its instructions.</summary>
    internal uint Instructions { get; init; }

    /// <summary>What was asked for, in a file of its own for the keeper: prefix tables do not fit beside.</summary>
    internal required FileDescriptor File { get; init; }

    /// <summary>
    /// What a rule is for its counters: rules of the same name and an equal match are the same one. The two behind the
    /// rules have names that no rule can have.
    /// </summary>
    internal IEnumerable<(string Key, RuleSlot Slot)> KeyedSlots() => KeysOf(Asked.Spec).Zip(Slots);

    /// <summary>The keys of a specification's slots, in their order.</summary>
    internal static IEnumerable<string> KeysOf(SteeringSpec spec) => spec.Rules
        .Select((rule, i) => $"{SteeringRules.NameOf(rule, i)} {rule.Match ?? new SteeringMatch()}")
        .Append("/default").Append("/management");
}

/// <summary>A steering as the control thread knows it.</summary>
/// <param name="network">Where its interface is; its own.</param>
/// <param name="counters">PERCPU_ARRAY of <see cref="RuleCounters"/>; its own.</param>
/// <param name="rules">The rules in force.</param>
internal sealed class SteeringResource(
    Linux.NetworkNamespace network, BpfMap counters, RuleSet rules) : IDisposable
{
    /// <summary>Version of <see cref="Internal.V1.StoredSteering"/>.</summary>
    internal const uint StoredVersion = 1;

    internal string Name => Rules.Asked.Name;

    /// <summary>Where its interface is.</summary>
    internal Linux.NetworkNamespace Network { get; } = network;

    /// <summary>Which that is, read once: its descriptor may be closed when it is asked for.</summary>
    internal FileIdentity NetworkIdentity { get; } = network.Identity;

    /// <summary>What its rules matched.</summary>
    internal BpfMap Counters { get; } = counters;

    /// <summary>Slots of <see cref="Counters"/>.</summary>
    internal CounterSlots CounterSlots { get; } = new();

    /// <summary>The rules in force.</summary>
    internal RuleSet Rules { get; set; } = rules;

    /// <summary>The interface's program; null while the device is gone.</summary>
    internal InterfaceProgram? Program { get; set; }

    /// <summary>The rules as they were compiled; null until they are asked for after an adoption.</summary>
    internal SteeringProgram? Compiled { get; set; }

    internal ulong Revision { get; set; }

    /// <summary>Why the device is gone; empty while it is there.</summary>
    internal string LostReason { get; set; } = "";

    internal int Ifindex => Program?.Ifindex ?? 0;

    /// <summary>Cpumaps that the rules name.</summary>
    internal IEnumerable<string> Cpumaps => Rules.Asked.Spec.Rules.Select(rule => rule.Action)
        .Append(Rules.Asked.Spec.DefaultAction).Where(action => action?.Cpumap is not null)
        .Select(action => action!.Cpumap.Cpumap).Distinct(StringComparer.Ordinal);

    /// <summary>What its rules matched on all CPUs, by slot.</summary>
    internal RuleCounters Count(RuleSlot slot)
    {
        Span<byte> buffer = new byte[Counters.BufferSizeBytes];
        uint key = slot.Counter;
        Counters.TryLookup(MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in key)), buffer);
        RuleCounters sum = default;
        foreach (RuleCounters cpu in MemoryMarshal.Cast<byte, RuleCounters>(buffer))
        {
            sum.Packets += cpu.Packets;
            sum.Bytes += cpu.Bytes;
        }

        return sum;
    }

    /// <summary>Name, spec and status.</summary>
    /// <param name="brief">Without prefixes.</param>
    internal V1.Steering Describe(bool brief)
    {
        V1.Steering steering = brief ? WithoutPrefixes(Rules.Asked) : Rules.Asked.Clone();
        steering.Status = Status();
        return steering;
    }

    public void Dispose()
    {
        Compiled?.Dispose();
        Counters.Dispose();
        Network.Dispose();
        Rules.File.Dispose();
    }

    // Cloning a quarter of a million prefixes every second would be a pity.
    private static V1.Steering WithoutPrefixes(V1.Steering asked)
    {
        var brief = new V1.Steering { Name = asked.Name };
        brief.Labels.Add(asked.Labels);
        SteeringSpec spec = asked.Spec;
        brief.Spec = new SteeringSpec
        {
            NetworkNamespace = spec.NetworkNamespace?.Clone(),
            DefaultAction = WithoutPrefixes(spec.DefaultAction),
            SteerManagement = spec.SteerManagement,
            XdpMode = spec.XdpMode,
            Frags = spec.Frags,
        };
        if (spec.DeviceCase == SteeringSpec.DeviceOneofCase.Interface)
        {
            brief.Spec.Interface = spec.Interface;
        }
        else
        {
            brief.Spec.Ifindex = spec.Ifindex;
        }

        brief.Spec.ManagementFilters.Add(spec.ManagementFilters);
        brief.Spec.Rules.AddRange(spec.Rules.Select(rule => new SteeringRule
        {
            Name = rule.Name,
            Match = rule.Match?.Clone(),
            Action = WithoutPrefixes(rule.Action),
        }));
        return brief;
    }

    private static SteeringAction? WithoutPrefixes(SteeringAction? action) => action?.Cpumap is not { } to
        ? action?.Clone()
        : new SteeringAction
        {
            Fallback = action.Fallback,
            Cpumap = new ToCpumap
            {
                Cpumap = to.Cpumap,
                Selection = to.Selection is { } chosen
                    ? new CpuSelection { Kind = chosen.Kind, Cpu = chosen.Cpu }
                    : null,
            },
        };

    private SteeringStatus Status()
    {
        var status = new SteeringStatus
        {
            State = Program is null ? SteeringState.DeviceLost : SteeringState.Active,
            StateReason = Program is null ? LostReason : "",
            Ifindex = (uint)Ifindex,
            XdpMode = Program?.Mode ?? V1.XdpMode.Unspecified,
            XdpModeReason = Program?.ModeReason ?? "",
            ProgramId = Program?.ProgramId ?? 0,
            Instructions = Rules.Instructions,
            Revision = Revision,
        };
        int count = Rules.Asked.Spec.Rules.Count;
        for (int i = 0; i < count; i++)
        {
            SteeringRule rule = Rules.Asked.Spec.Rules[i];
            RuleCounters counted = Count(Rules.Slots[i]);
            status.Rules.Add(new SteeringRuleStatus
            {
                Name = SteeringRules.NameOf(rule, i),
                Packets = counted.Packets,
                Bytes = counted.Bytes,
                Prefixes = (uint)(rule.Action?.Cpumap?.Selection?.Prefixes.Count ?? 0),
                SegmentSlot = Rules.Slots[i].Segment,
            });
        }

        RuleCounters none = Count(Rules.Slots[count]);
        RuleCounters management = Count(Rules.Slots[count + 1]);
        (status.DefaultPackets, status.DefaultBytes) = (none.Packets, none.Bytes);
        (status.ManagementPackets, status.ManagementBytes) = (management.Packets, management.Bytes);
        status.DefaultSegmentSlot = Rules.Slots[count].Segment;
        status.ManagementSegmentSlot = Rules.Slots[count + 1].Segment;
        return status;
    }
}
