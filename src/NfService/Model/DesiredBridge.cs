using Google.Protobuf;
using Nf.V1;

namespace Nf.Service;

/// <summary>A bridge as it was asked for.</summary>
internal sealed class DesiredBridge : DesiredConnection
{
    private const int EndpointCountMin = 2;
    private const int EndpointCountMax = 32;
    private const uint AgeDefault = 300; // as the kernel's bridge and IEEE 802.1D have it
    private const uint AgeMax = 86_400;
    private const uint EntriesMin = 16;
    private const uint EntriesDefault = 4096;
    private const uint EntriesMax = 65_536;

    private readonly BridgeSpec _spec;

    private DesiredBridge(ResourceName name, BridgeSpec spec, IReadOnlyDictionary<string, string> labels)
        : base(BridgeType, name, labels) => _spec = spec;

    public override IEnumerable<EndpointMember> Members => _spec.Endpoints.SelectMany(Endpoints.MembersOf).Distinct();

    public override IEnumerable<(string Cpumap, string Field)> Cpumaps =>
        _spec.Endpoints.SelectMany((endpoint, i) => Endpoints.CpumapOf(endpoint, $"spec.endpoints[{i}]"));

    protected override IMessage SpecMessage => _spec;

    /// <exception cref="InvalidSpecException">Names every fault of the request.</exception>
    public static DesiredBridge From(CreateBridgeRequest request)
    {
        var faults = new SpecFaults();
        ResourceName name = ResourceName.Check(faults, "name", request.Name);
        LabelRules.Check(faults, request.Labels);
        BridgeSpec spec = Normalise(request.Spec ?? new BridgeSpec());
        Check(faults, spec);
        faults.ThrowIfAny();
        return new DesiredBridge(name, spec, Copy(request.Labels));
    }

    /// <summary>A bridge that runs already: the data plane vouches for its spec.</summary>
    public static DesiredBridge Learn(Bridge running) => new(
        ResourceName.Parse(running.Name), Normalise(running.Spec ?? new BridgeSpec()), Copy(running.Labels));

    /// <summary>The resource for an answer or a command.</summary>
    public Bridge ToProto(BridgeStatus? status = null)
    {
        var bridge = new Bridge { Name = Name.Value, Spec = _spec.Clone(), Status = status };
        bridge.Labels.Add(new Dictionary<string, string>(Labels));
        return bridge;
    }

    private static BridgeSpec Normalise(BridgeSpec asked)
    {
        BridgeSpec spec = asked.Clone();
        spec.AgeSeconds = spec.AgeSeconds == 0 ? AgeDefault : spec.AgeSeconds;
        spec.EntriesMax = spec.EntriesMax == 0 ? EntriesDefault : spec.EntriesMax;
        spec.EndpointEntriesMax = spec.EndpointEntriesMax == 0 ? spec.EntriesMax : spec.EndpointEntriesMax;
        foreach (V1.Endpoint endpoint in spec.Endpoints)
        {
            EndpointCpumapRules.Normalise(endpoint.Cpumap);
        }

        return spec;
    }

    private static void Check(SpecFaults faults, BridgeSpec spec)
    {
        int count = spec.Endpoints.Count;
        faults.Require(
            count is >= EndpointCountMin and <= EndpointCountMax,
            "spec.endpoints",
            $"{count} endpoints; a bridge has {EndpointCountMin} to {EndpointCountMax}");
        var seen = new Dictionary<EndpointMember, int>();
        for (int i = 0; i < Math.Min(count, EndpointCountMax); i++)
        {
            Endpoints.Check(faults, $"spec.endpoints[{i}]", spec.Endpoints[i]);
            foreach (EndpointMember member in Endpoints.MembersOf(spec.Endpoints[i]).Distinct())
            {
                faults.Require(
                    seen.TryAdd(member, i),
                    $"spec.endpoints[{i}].{Endpoints.FieldOf(member)}",
                    $"\"{member.Name}\" is in endpoint {seen[member]} already");
            }
        }

        faults.Require(spec.AgeSeconds <= AgeMax, "spec.age_seconds", $"{spec.AgeSeconds} is not within 1 to {AgeMax}");
        faults.Require(
            spec.EntriesMax is >= EntriesMin and <= EntriesMax,
            "spec.entries_max",
            $"{spec.EntriesMax} is not within {EntriesMin} to {EntriesMax}");
        faults.Require(
            spec.EndpointEntriesMax <= spec.EntriesMax,
            "spec.endpoint_entries_max",
            $"{spec.EndpointEntriesMax} is above spec.entries_max ({spec.EntriesMax})");
    }
}
