using Nf.DataPlane.Cpumaps;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Steering;

/// <summary>Reads the rules of the API, naming every fault at once.</summary>
/// <param name="cpumaps">Cpumaps by name.</param>
/// <param name="frags">Whether the program will take frames of several buffers.</param>
internal sealed class SteeringRules(IKernelCpumaps cpumaps, bool frags)
{
    // libpcap looks host names up; the control thread does not wait for a resolver longer than this.
    private static readonly TimeSpan FilterTimeout = TimeSpan.FromSeconds(2);

    private readonly List<(string Reason, string Message, Errno Errno)> _faults = [];

    /// <summary>Checks a specification and makes it ready to be compiled.</summary>
    /// <exception cref="CommandFaultException">
    /// INVALID_SPEC with every fault; UNKNOWN_RESOURCE for a cpumap that does not exist; FRAGS_MISMATCH.
    /// </exception>
    internal CompiledRules Read(SteeringSpec spec)
    {
        if (spec.Rules.Count > SteeringLimits.RuleCountMax)
        {
            Fault($"spec.rules: {spec.Rules.Count}, at most {SteeringLimits.RuleCountMax}");
            ThrowFaults();
        }

        if (spec.ManagementFilters.Count > SteeringLimits.ManagementFilterCountMax)
        {
            Fault(
                $"spec.management_filters: {spec.ManagementFilters.Count}, "
                + $"at most {SteeringLimits.ManagementFilterCountMax}");
            ThrowFaults();
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        CompiledRule[] rules = [.. spec.Rules.Select((rule, i) => ReadRule(rule, i, names))];
        CompiledAction otherwise = spec.DefaultAction is null
            ? new CompiledAction(SteeringTarget.Xsk)
            : ReadAction(spec.DefaultAction, "spec.default_action");
        PcapFilter?[] filters =
            [.. spec.ManagementFilters.Select((text, i) => ReadFilter(text, $"spec.management_filters[{i}]"))];
        ThrowFaults();
        return new CompiledRules(rules, otherwise, !spec.SteerManagement, filters!);
    }

    /// <summary>The name of a rule, given or by its place.</summary>
    internal static string NameOf(SteeringRule rule, int index) =>
        rule.Name.Length != 0 ? rule.Name : $"rule-{index + 1}";

    private CompiledRule ReadRule(SteeringRule rule, int index, HashSet<string> names)
    {
        string field = $"spec.rules[{index}]";
        string name = NameOf(rule, index);
        if (name.Length > SteeringLimits.NameCharsMax
            || name[0] == '-' || !name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-'))
        {
            Fault($"{field}.name \"{name}\": [a-z0-9]([-a-z0-9]{{0,61}}[a-z0-9])?");
        }
        else if (!names.Add(name))
        {
            Fault($"{field}.name \"{name}\": is there twice");
        }

        List<FieldRange> ranges = MatchReader.Read(rule.Match, $"{field}.match", Fault);
        PcapFilter? filter = rule.Match is { Filter.Length: > 0 } match
            ? ReadFilter(match.Filter, $"{field}.match.filter")
            : null;
        return new CompiledRule(name, ranges, filter, ReadAction(rule.Action, $"{field}.action"));
    }

    private CompiledAction ReadAction(SteeringAction? action, string field)
    {
        bool drop = action?.Fallback == SteeringFallback.Drop;
        if (action is not null && !Enum.IsDefined(action.Fallback))
        {
            Fault($"{field}.fallback {action.Fallback}: unknown");
        }

        switch (action?.ToCase)
        {
            case SteeringAction.ToOneofCase.Xsk:
                return new CompiledAction(SteeringTarget.Xsk, drop);
            case SteeringAction.ToOneofCase.Pass:
                return new CompiledAction(SteeringTarget.Pass);
            case SteeringAction.ToOneofCase.Drop:
                return new CompiledAction(SteeringTarget.Drop);
            case SteeringAction.ToOneofCase.Cpumap:
                return ReadCpumap(action.Cpumap, drop, field);
            default:
                Fault($"{field}: one of xsk, cpumap, pass and drop must be set");
                return new CompiledAction(SteeringTarget.Pass);
        }
    }

    private CompiledAction ReadCpumap(ToCpumap to, bool drop, string field)
    {
        KernelCpumapTarget? target = cpumaps.Find(to.Cpumap);
        if (target is null)
        {
            _faults.Add((
                "UNKNOWN_RESOURCE",
                $"{field}.cpumap \"{to.Cpumap}\": there is no cpumap of the kernel of that name",
                Errno.ENOENT));
        }
        else if (target.Frags != frags)
        {
            _faults.Add((
                "FRAGS_MISMATCH",
                $"{field}.cpumap \"{to.Cpumap}\": it was created with frags {(target.Frags ? "on" : "off")}, "
                + $"the program of the interface has it {(frags ? "on" : "off")}; the kernel wants both alike",
                Errno.EINVAL));
        }

        CpuSelector selector = CpuSelectionRules.Read(
            to.Selection, $"{field}.cpumap.selection", target?.Cpus ?? [], Fault);
        return new CompiledAction(SteeringTarget.Cpumap, drop, target, selector);
    }

    private PcapFilter? ReadFilter(string text, string field)
    {
        try
        {
            Task<PcapFilter> compiled = Task.Run(() => PcapFilter.Compile(text));
            if (compiled.Wait(FilterTimeout))
            {
                return compiled.Result;
            }

            Fault($"{field} \"{text}\": a name in it is not resolved within {FilterTimeout.TotalSeconds:0} s");
        }
        catch (AggregateException failure) when (failure.InnerException is FormatException refusal)
        {
            Fault($"{field} \"{text}\": {refusal.Message}");
        }

        return null;
    }

    // Every message begins with the path of a field, in which there is neither a blank nor a colon.
    private static (string Field, string Description) Split(string message)
    {
        int end = message.AsSpan().IndexOfAny(' ', ':');
        return (message[..end], message[end..].TrimStart(' ', ':'));
    }

    private void Fault(string message) => _faults.Add(("INVALID_SPEC", message, Errno.EINVAL));

    private void ThrowFaults()
    {
        if (_faults.Count == 0)
        {
            return;
        }

        // What is wrong in itself first: it stays wrong whatever else is created.
        (string Reason, string Message, Errno Errno) first = _faults.Find(f => f.Reason == "INVALID_SPEC");
        first = first.Reason is null ? _faults[0] : first;
        throw new CommandFaultException(
            first.Reason, string.Join("; ", _faults.Select(fault => fault.Message)), first.Errno)
        {
            Fields = [.. _faults.Select(fault => Split(fault.Message))],
        };
    }
}
