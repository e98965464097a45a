using Nf.DataPlane.Cpumaps;
using Nf.Linux;

namespace Nf.DataPlane.Steering;

/// <summary>Where a packet can go.</summary>
internal enum SteeringTarget
{
    Xsk,
    Cpumap,
    Pass,
    Drop,
}

/// <summary>What becomes of a packet, checked.</summary>
/// <param name="Target">Where it goes.</param>
/// <param name="DropElse">Whether it is dropped where that is not there; else it passes.</param>
/// <param name="Cpumap">CPUMAP only: which.</param>
/// <param name="Selector">CPUMAP only: which of its CPUs.</param>
internal sealed record CompiledAction(
    SteeringTarget Target, bool DropElse = false, KernelCpumapTarget? Cpumap = null, CpuSelector? Selector = null);

/// <summary>A rule, checked: all ranges hold, and the filter if there is one.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Ranges">At most one for each word of the flow.</param>
/// <param name="Filter">A filter, asked last.</param>
/// <param name="Action">What becomes of the packet.</param>
internal sealed record CompiledRule(
    string Name, IReadOnlyList<FieldRange> Ranges, PcapFilter? Filter, CompiledAction Action)
{
    /// <summary>Whether it matches a packet: what the compiled program must agree with.</summary>
    internal bool Matches(in Flow flow, ReadOnlySpan<byte> packet)
    {
        foreach (FieldRange range in Ranges)
        {
            if (!range.Holds(flow))
            {
                return false;
            }
        }

        return Filter is null || Filter.Matches(packet);
    }
}

/// <summary>The rules of an interface, checked.</summary>
/// <param name="Rules">In their order.</param>
/// <param name="Default">What becomes of a packet that none matches.</param>
/// <param name="KeepManagement">Whether management packets pass before any rule is asked.</param>
/// <param name="ManagementFilters">More of them.</param>
internal sealed record CompiledRules(
    IReadOnlyList<CompiledRule> Rules, CompiledAction Default, bool KeepManagement,
    IReadOnlyList<PcapFilter> ManagementFilters)
{
    /// <summary>In place of a rule's index: none matched.</summary>
    internal int DefaultIndex => Rules.Count;

    /// <summary>In place of a rule's index: it is a management packet.</summary>
    internal int ManagementIndex => Rules.Count + 1;

    /// <summary>Every filter, to know whether there is one.</summary>
    internal bool HasFilters => ManagementFilters.Count != 0 || Rules.Any(rule => rule.Filter is not null);

    /// <summary>The first rule that matches: what the compiled program must agree with.</summary>
    internal int IndexFor(in Flow flow, ReadOnlySpan<byte> packet)
    {
        if (KeepManagement && (flow[FlowField.State] & Flow.Management) != 0)
        {
            return ManagementIndex;
        }

        foreach (PcapFilter filter in ManagementFilters)
        {
            if (filter.Matches(packet))
            {
                return ManagementIndex;
            }
        }

        for (int i = 0; i < Rules.Count; i++)
        {
            if (Rules[i].Matches(flow, packet))
            {
                return i;
            }
        }

        return DefaultIndex;
    }
}
