using Google.Protobuf.Collections;
using Nf.Ctl.Parsing;
using Nf.V1;

namespace Nf.Ctl.Rendering;

/// <summary>Tables of steerings.</summary>
internal static class SteeringTables
{
    internal static IReadOnlyList<Grid> List(IEnumerable<Steering> steerings)
    {
        var grid = new Grid("NAME", "STATE", "INTERFACE", "NETNS", "XDP", ">RULES", ">PREFIXES", ">REVISION")
        { WhenEmpty = "no steerings" };
        foreach (Steering steering in steerings)
        {
            SteeringStatus? status = steering.Status;
            SteeringSpec spec = steering.Spec ?? new SteeringSpec();
            grid.Add(
                steering.Name,
                status is null ? Names.Unobserved : Names.Of(status.State),
                DeviceOf(spec),
                Namespaces.Format(spec.NetworkNamespace),
                status is null ? Names.Unobserved : Names.Of(status.XdpMode),
                $"{spec.Rules.Count}",
                status is null ? Names.Unobserved : $"{status.Rules.Sum(rule => (long)rule.Prefixes)}",
                status is null ? Names.Unobserved : $"{status.Revision}");
        }

        return [grid];
    }

    /// <param name="steering">What is shown.</param>
    /// <param name="withoutStatus">Its state when it has no status.</param>
    internal static IReadOnlyList<Grid> One(Steering steering, string withoutStatus)
    {
        SteeringSpec spec = steering.Spec ?? new SteeringSpec();
        SteeringStatus? status = steering.Status;
        Grid fields = Grid.Fields()
            .Add("Name", steering.Name)
            .Add("Interface", status is null ? DeviceOf(spec) : $"{DeviceOf(spec)} (index {status.Ifindex})")
            .Add("Network namespace", Namespaces.Format(spec.NetworkNamespace))
            .Add("Frags", Names.YesNo(spec.Frags))
            .Add("Management", spec.SteerManagement ? "asks the rules" : "goes to the stack");
        if (spec.ManagementFilters.Count > 0)
        {
            fields.Add("Management, too", string.Join("; ", spec.ManagementFilters));
        }

        Labels.AddTo(fields, steering.Labels);
        if (status is null)
        {
            fields.Add("State", new Cell(withoutStatus, Tone.Dim));
        }
        else
        {
            Cell state = Names.Of(status.State);
            fields
                .Add("State", new Cell(Reason.Append(state.Text, status.StateReason), state.Tone))
                .Add("XDP mode", Reason.Append(Names.Of(status.XdpMode), status.XdpModeReason))
                .Add("XDP program", $"id {status.ProgramId}, {status.Instructions} instructions")
                .Add("Revision", $"{status.Revision}");
        }

        return [fields, Rules(spec, status)];
    }

    /// <summary>What would become of packets.</summary>
    internal static IReadOnlyList<Grid> Verdicts(
        IReadOnlyList<byte[]> packets, RepeatedField<SteeringVerdict> verdicts)
    {
        var grid = new Grid(">PACKET", ">BYTES", "RULE", "ACTION") { WhenEmpty = "no packets" };
        for (int i = 0; i < verdicts.Count; i++)
        {
            SteeringVerdict verdict = verdicts[i];
            string rule = verdict.Management ? "(management)" : verdict.Rule.Length == 0 ? "(default)" : verdict.Rule;
            grid.Add(
                $"{i + 1}",
                i < packets.Count ? $"{packets[i].Length}" : "",
                new Cell(rule, verdict.Rule.Length == 0 ? Tone.Dim : Tone.Plain),
                new Cell(ActionOf(verdict), verdict.Action == "drop" ? Tone.Warning : Tone.Plain));
        }

        return [grid];
    }

    private static string ActionOf(SteeringVerdict verdict) =>
        verdict.Action == "cpumap" ? $"cpumap {verdict.Cpumap} cpu {verdict.Cpu}" : verdict.Action;

    private static Grid Rules(SteeringSpec spec, SteeringStatus? status)
    {
        var grid = new Grid("RULE", "MATCH", "ACTION", ">PREFIXES", ">PACKETS", ">BYTES") { Title = "Rules" };
        if (!spec.SteerManagement || spec.ManagementFilters.Count > 0)
        {
            grid.Add(
                new Cell("(management)", Tone.Dim), "", "pass", "",
                Count(status?.ManagementPackets), Count(status?.ManagementBytes));
        }

        for (int i = 0; i < spec.Rules.Count; i++)
        {
            SteeringRule rule = spec.Rules[i];
            SteeringRuleStatus? observed = status is not null && i < status.Rules.Count ? status.Rules[i] : null;
            grid.Add(
                rule.Name,
                SteeringMatchText.Format(rule.Match),
                SteeringActionText.Format(rule.Action),
                observed is { Prefixes: > 0 } ? $"{observed.Prefixes}" : "",
                Count(observed?.Packets),
                Count(observed?.Bytes));
        }

        grid.Add(
            new Cell("(default)", Tone.Dim), "", SteeringActionText.Format(spec.DefaultAction), "",
            Count(status?.DefaultPackets), Count(status?.DefaultBytes));
        return grid;
    }

    private static Cell Count(ulong? count) => count is { } known ? $"{known}" : Names.Unobserved;

    private static string DeviceOf(SteeringSpec spec) =>
        spec.DeviceCase == SteeringSpec.DeviceOneofCase.Ifindex ? $"index {spec.Ifindex}" : spec.Interface;
}
