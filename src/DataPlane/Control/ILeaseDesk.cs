using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>What the control plane may do with leases.</summary>
internal interface ILeaseDesk
{
    /// <summary>All leases.</summary>
    IEnumerable<Lease> Describe();

    /// <summary>Makes a token.</summary>
    /// <exception cref="CommandFaultException">INTERFACE_NOT_FOUND, NAMESPACE_NOT_FOUND, QUEUE_OUT_OF_RANGE,
    /// LIMIT_REACHED.</exception>
    LeaseToken Issue(IssueLeaseToken asked);

    /// <summary>Ends a lease.</summary>
    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE.</exception>
    void Revoke(ulong id);

    /// <summary>Takes back a token.</summary>
    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE.</exception>
    void RevokeToken(string name);
}

/// <summary>A life without a broker.</summary>
internal sealed class NoLeaseDesk : ILeaseDesk
{
    public IEnumerable<Lease> Describe() => [];

    public LeaseToken Issue(IssueLeaseToken asked) => throw None();

    public void Revoke(ulong id) => throw None();

    public void RevokeToken(string name) => throw None();

    private static CommandFaultException None() =>
        new("UNKNOWN_COMMAND", "this data plane has no broker", Errno.EOPNOTSUPP);
}
