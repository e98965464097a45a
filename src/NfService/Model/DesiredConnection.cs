namespace Nf.Service;

/// <summary>A link or bridge as it was asked for: what forwards between sockets and devices.</summary>
internal abstract class DesiredConnection(string type, ResourceName name, IReadOnlyDictionary<string, string> labels)
    : DesiredResource(type, name, labels)
{
    /// <summary>Every socket and device that it forwards between, once.</summary>
    public abstract IEnumerable<EndpointMember> Members { get; }

    /// <summary>The cpumaps that its endpoints spread frames by, each with the field that names it.</summary>
    public abstract IEnumerable<(string Cpumap, string Field)> Cpumaps { get; }
}
