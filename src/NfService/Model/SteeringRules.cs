using Nf.V1;

namespace Nf.Service;

/// <summary>The rules of a steering's spec that need no kernel and no compiler.</summary>
internal static class SteeringRules
{
    /// <summary>Most rules, as the contract has it. Arbitrary.</summary>
    public const int RuleCountMax = 256;

    /// <summary>In place of a rule's name: packets that no rule matched.</summary>
    public const string DefaultRule = "default";

    /// <summary>In place of a rule's name: packets of management.</summary>
    public const string ManagementRule = "management";

    private const int ManagementFilterCountMax = 16; // as the contract has it; arbitrary

    /// <summary>Notes every fault of a spec whose defaults are filled in.</summary>
    public static void Check(SpecFaults faults, SteeringSpec spec)
    {
        CheckDevice(faults, spec);
        XskSocketRules.CheckNamespace(faults, "spec.network_namespace", spec.NetworkNamespace);
        int count = spec.Rules.Count;
        faults.Require(count <= RuleCountMax, "spec.rules", $"{count} rules, at most {RuleCountMax} are allowed");
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < Math.Min(count, RuleCountMax); i++)
        {
            SteeringRule rule = spec.Rules[i];
            string field = $"spec.rules[{i}]";
            CheckName(faults, $"{field}.name", rule.Name, i, seen);
            SteeringMatchRules.Check(faults, $"{field}.match", rule.Match);
            CheckAction(faults, $"{field}.action", rule.Action);
        }

        CheckAction(faults, "spec.default_action", spec.DefaultAction);
        CheckManagement(faults, spec);
        faults.RequireDefined(spec.XdpMode, "spec.xdp_mode");
    }

    private static void CheckDevice(SpecFaults faults, SteeringSpec spec)
    {
        switch (spec.DeviceCase)
        {
            case SteeringSpec.DeviceOneofCase.Interface:
                DeviceRules.CheckInterface(faults, "spec.interface", spec.Interface);
                break;
            case SteeringSpec.DeviceOneofCase.Ifindex:
                DeviceRules.CheckIfindex(faults, "spec.ifindex", spec.Ifindex);
                break;
            default:
                faults.Add("spec.device", "one of spec.interface and spec.ifindex must be set");
                break;
        }
    }

    private static void CheckName(
        SpecFaults faults, string field, string name, int place, Dictionary<string, int> seen)
    {
        ResourceName.Check(faults, field, name);
        faults.Require(
            name is not (DefaultRule or ManagementRule), field, $"\"{name}\" is the name of packets that meet no rule");
        if (!seen.TryAdd(name, place))
        {
            faults.Add(field, $"\"{name}\" is the name of spec.rules[{seen[name]}] already");
        }
    }

    private static void CheckAction(SpecFaults faults, string field, SteeringAction? action)
    {
        if (action is null || action.ToCase == SteeringAction.ToOneofCase.None)
        {
            faults.Add(field, "one of xsk, cpumap, pass and drop must be set");
            return;
        }

        faults.RequireDefined(action.Fallback, $"{field}.fallback");
        faults.Require(
            action.ToCase is SteeringAction.ToOneofCase.Xsk or SteeringAction.ToOneofCase.Cpumap
                || action.Fallback == SteeringFallback.Unspecified,
            $"{field}.fallback",
            "is for xsk and cpumap only: what is passed or dropped needs none");
        if (action.ToCase == SteeringAction.ToOneofCase.Cpumap)
        {
            ResourceName.Check(faults, $"{field}.cpumap.cpumap", action.Cpumap.Cpumap);
            CpuSelectionRules.Check(faults, $"{field}.cpumap.selection", action.Cpumap.Selection);
        }
    }

    private static void CheckManagement(SpecFaults faults, SteeringSpec spec)
    {
        const string Field = "spec.management_filters";
        int count = spec.ManagementFilters.Count;
        faults.Require(
            count <= ManagementFilterCountMax,
            Field,
            $"{count} filters, at most {ManagementFilterCountMax} are allowed");
        for (int i = 0; i < Math.Min(count, ManagementFilterCountMax); i++)
        {
            string filter = spec.ManagementFilters[i];
            faults.Require(filter.Length > 0, $"{Field}[{i}]", "is empty, which would send every packet to the stack");
            FilterRules.Check(faults, $"{Field}[{i}]", filter);
        }
    }
}
