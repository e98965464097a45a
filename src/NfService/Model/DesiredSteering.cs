using Google.Protobuf;
using Nf.V1;

namespace Nf.Service;

/// <summary>A steering as it was asked for.</summary>
internal sealed class DesiredSteering : DesiredResource
{
    private readonly SteeringSpec _spec;

    private DesiredSteering(ResourceName name, SteeringSpec spec, IReadOnlyDictionary<string, string> labels)
        : base(SteeringType, name, labels) => _spec = spec;

    /// <summary>The cpumaps that its rules send to, each with the field that names it.</summary>
    public IEnumerable<(string Cpumap, string Field)> Cpumaps
    {
        get
        {
            for (int i = 0; i < _spec.Rules.Count; i++)
            {
                if (_spec.Rules[i].Action?.Cpumap is { } cpumap)
                {
                    yield return (cpumap.Cpumap, $"spec.rules[{i}].action.cpumap.cpumap");
                }
            }

            if (_spec.DefaultAction?.Cpumap is { } otherwise)
            {
                yield return (otherwise.Cpumap, "spec.default_action.cpumap.cpumap");
            }
        }
    }

    protected override IMessage SpecMessage => _spec;

    /// <exception cref="InvalidSpecException">Names every fault of the request.</exception>
    public static DesiredSteering From(SetSteeringRequest request)
    {
        var faults = new SpecFaults();
        ResourceName name = ResourceName.Check(faults, "name", request.Name);
        LabelRules.Check(faults, request.Labels);
        SteeringSpec spec = Normalise(request.Spec ?? new SteeringSpec());
        SteeringRules.Check(faults, spec);
        faults.ThrowIfAny();
        return new DesiredSteering(name, spec, Copy(request.Labels));
    }

    /// <summary>A steering that runs already: the data plane vouches for its spec.</summary>
    public static DesiredSteering Learn(Steering running) => new(
        ResourceName.Parse(running.Name), Normalise(running.Spec ?? new SteeringSpec()), Copy(running.Labels));

    /// <summary>Whether both are of one interface, as far as their specs tell.</summary>
    public bool IsOfSameDevice(DesiredSteering other) =>
        _spec.DeviceCase == other._spec.DeviceCase
        && _spec.Interface == other._spec.Interface
        && _spec.Ifindex == other._spec.Ifindex
        && Equals(_spec.NetworkNamespace, other._spec.NetworkNamespace);

    /// <summary>The interface, for people.</summary>
    public string DescribeDevice()
    {
        string space = _spec.NetworkNamespace is { } named ? $" in {named}" : "";
        return _spec.DeviceCase == SteeringSpec.DeviceOneofCase.Ifindex
            ? $"index {_spec.Ifindex}{space}"
            : $"\"{_spec.Interface}\"{space}";
    }

    /// <summary>The resource for a command, or for an answer that is about it alone.</summary>
    public Steering ToProto(SteeringStatus? status = null) => Around(_spec.Clone(), status);

    /// <summary>The resource for an answer: without its prefix tables.</summary>
    public Steering ToBrief(SteeringStatus? status = null)
    {
        // The tables are not cloned first: they are the better part of what there is.
        SteeringSpec brief = new()
        {
            NetworkNamespace = _spec.NetworkNamespace,
            DefaultAction = WithoutPrefixes(_spec.DefaultAction),
            SteerManagement = _spec.SteerManagement,
            XdpMode = _spec.XdpMode,
            Frags = _spec.Frags,
        };
        if (_spec.DeviceCase == SteeringSpec.DeviceOneofCase.Ifindex)
        {
            brief.Ifindex = _spec.Ifindex;
        }
        else
        {
            brief.Interface = _spec.Interface;
        }

        brief.ManagementFilters.Add(_spec.ManagementFilters);
        brief.Rules.Add(_spec.Rules.Select(rule => new SteeringRule
        {
            Name = rule.Name,
            Match = rule.Match,
            Action = WithoutPrefixes(rule.Action),
        }));
        return Around(brief, status);
    }

    private static SteeringAction? WithoutPrefixes(SteeringAction? action) =>
        action?.Cpumap?.Selection is not { Prefixes.Count: > 0 } selection ? action : new SteeringAction
        {
            Cpumap = new ToCpumap
            {
                Cpumap = action.Cpumap.Cpumap,
                Selection = new CpuSelection { Kind = selection.Kind, Cpu = selection.Cpu },
            },
            Fallback = action.Fallback,
        };

    private static SteeringSpec Normalise(SteeringSpec asked)
    {
        SteeringSpec spec = asked.Clone();
        for (int i = 0; i < spec.Rules.Count; i++)
        {
            SteeringRule rule = spec.Rules[i];
            rule.Name = rule.Name.Length == 0 ? $"rule-{i + 1}" : rule.Name;
            rule.Match ??= new SteeringMatch();
            Normalise(rule.Action);
        }

        spec.DefaultAction ??= new SteeringAction { Xsk = new ToXsk() };
        Normalise(spec.DefaultAction);
        spec.XdpMode = spec.XdpMode == XdpMode.Unspecified ? XdpMode.Auto : spec.XdpMode;
        return spec;
    }

    private static void Normalise(SteeringAction? action)
    {
        if (action?.ToCase is SteeringAction.ToOneofCase.Xsk or SteeringAction.ToOneofCase.Cpumap
            && action.Fallback == SteeringFallback.Unspecified)
        {
            action.Fallback = SteeringFallback.Pass;
        }

        if (action?.Cpumap is { } cpumap)
        {
            cpumap.Selection = CpuSelectionRules.Normalise(cpumap.Selection);
        }
    }

    private Steering Around(SteeringSpec spec, SteeringStatus? status)
    {
        var steering = new Steering { Name = Name.Value, Spec = spec, Status = status };
        steering.Labels.Add(new Dictionary<string, string>(Labels));
        return steering;
    }
}
