using Nf.Linux;

namespace Nf.DataPlane.Broker;

/// <summary>Who may lease what: a lease is lent when one rule about the client lends it. Immutable.</summary>
/// <param name="rules">In any order.</param>
internal sealed class BrokerPolicy(IReadOnlyList<PolicyRule> rules)
{
    /// <summary>Leases of root and of the data plane's own user, without a policy file. Arbitrary.</summary>
    private const uint DefaultLeaseCountMax = 64;

    /// <summary>Their bytes of packet memory. Arbitrary.</summary>
    private const ulong DefaultMemoryBytesMax = 4ul << 30;

    /// <summary>The rules.</summary>
    internal IReadOnlyList<PolicyRule> Rules { get; } = rules;

    /// <summary>Without a policy file: root, and the data plane's own user.</summary>
    /// <param name="ownUid">That user.</param>
    internal static BrokerPolicy Default(uint ownUid) => new(
    [
        new PolicyRule
        {
            Uids = [new NumberRange(0, 0), new NumberRange(ownUid, ownUid)],
            Namespaces = PolicyNamespaces.Any,
            LeaseCountMax = DefaultLeaseCountMax,
            MemoryBytesMax = DefaultMemoryBytesMax,
            KeepSecondsMax = SharedMemory.Broker.BrokerProtocol.KeepSecondsMax,
            Privileged = true,
        },
    ]);

    /// <summary>The rules about a client.</summary>
    internal IReadOnlyList<PolicyRule> About(BrokerPeer peer)
    {
        // The cgroup is read only when a rule wants to know it.
        bool wanted = Rules.Any(rule => rule.Cgroup.Length != 0);
        string? cgroup = wanted ? peer.Cgroup : null;
        return [.. Rules.Where(rule => rule.IsAbout(peer.Credentials.Uid, peer.Credentials.Gid, cgroup))];
    }

    /// <summary>Refuses a lease that no rule lends.</summary>
    /// <exception cref="CommandFaultException">POLICY_REFUSED (EACCES).</exception>
    internal void Require(BrokerPeer peer, in PolicyQuestion asked)
    {
        string why = $"uid {peer.Credentials.Uid}, gid {peer.Credentials.Gid}: no rule is about them";
        foreach (PolicyRule rule in About(peer))
        {
            why = rule.WhyNot(asked);
            if (why.Length == 0)
            {
                return;
            }
        }

        throw new CommandFaultException("POLICY_REFUSED", $"policy: {why}", Errno.EACCES);
    }
}
