using Google.Protobuf;
using Nf.V1;
using Endpoint = Nf.V1.Endpoint;

namespace Nf.Service;

/// <summary>A link as it was asked for.</summary>
internal sealed class DesiredLink : DesiredConnection
{
    private readonly LinkSpec _spec;

    private DesiredLink(ResourceName name, LinkSpec spec, IReadOnlyDictionary<string, string> labels)
        : base(LinkType, name, labels) => _spec = spec;

    public override IEnumerable<EndpointMember> Members =>
        Endpoints.MembersOf(_spec.A).Union(Endpoints.MembersOf(_spec.B));

    public override IEnumerable<(string Cpumap, string Field)> Cpumaps =>
        Endpoints.CpumapOf(_spec.A, "spec.a").Concat(Endpoints.CpumapOf(_spec.B, "spec.b"));

    protected override IMessage SpecMessage => _spec;

    /// <exception cref="InvalidSpecException">Names every fault of the request.</exception>
    public static DesiredLink From(CreateLinkRequest request)
    {
        var faults = new SpecFaults();
        ResourceName name = ResourceName.Check(faults, "name", request.Name);
        LabelRules.Check(faults, request.Labels);
        LinkSpec spec = Normalise(request.Spec ?? new LinkSpec());
        Endpoints.Check(faults, "spec.a", spec.A);
        Endpoints.Check(faults, "spec.b", spec.B);
        if (!spec.A.Equals(spec.B))
        {
            foreach (EndpointMember shared in Endpoints.MembersOf(spec.A).Intersect(Endpoints.MembersOf(spec.B)))
            {
                faults.Add(
                    $"spec.b.{Endpoints.FieldOf(shared)}",
                    $"\"{shared.Name}\" is in both endpoints, which must be equal (a loop) or disjoint");
            }
        }

        faults.ThrowIfAny();
        return new DesiredLink(name, spec, Copy(request.Labels));
    }

    /// <summary>A link that runs already: the data plane vouches for its spec.</summary>
    public static DesiredLink Learn(Link running) => new(
        ResourceName.Parse(running.Name), Normalise(running.Spec ?? new LinkSpec()), Copy(running.Labels));

    /// <summary>The resource for an answer or a command.</summary>
    public Link ToProto(LinkStatus? status = null)
    {
        var link = new Link { Name = Name.Value, Spec = _spec.Clone(), Status = status };
        link.Labels.Add(new Dictionary<string, string>(Labels));
        return link;
    }

    private static LinkSpec Normalise(LinkSpec asked)
    {
        LinkSpec spec = asked.Clone();
        spec.A ??= new Endpoint();
        spec.B ??= new Endpoint();
        EndpointCpumapRules.Normalise(spec.A.Cpumap);
        EndpointCpumapRules.Normalise(spec.B.Cpumap);
        return spec;
    }
}
