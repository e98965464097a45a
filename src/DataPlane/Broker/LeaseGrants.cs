using Nf.Linux;
using Nf.SharedMemory.Broker;

namespace Nf.DataPlane.Broker;

/// <summary>Tokens that were issued and not yet shown. Kept as hashes: what is read here is good for nothing.</summary>
internal sealed class LeaseGrants
{
    private readonly Dictionary<string, (LeaseGrant Grant, long EndsNs)> _grants = new(StringComparer.Ordinal);

    /// <summary>Tokens that are good for a lease still.</summary>
    internal int Count => _grants.Count;

    /// <summary>Takes note of a token.</summary>
    internal void Issue(in BrokerToken token, LeaseGrant grant, long endsNs) =>
        _grants[HashOf(token)] = (grant, endsNs);

    /// <summary>Takes a token back; nothing happens when it was shown or is over already.</summary>
    /// <returns>Whether it was good still.</returns>
    internal bool Revoke(string name)
    {
        string? hash = _grants.FirstOrDefault(entry => entry.Value.Grant.Name == name).Key;
        return hash is not null && _grants.Remove(hash);
    }

    /// <summary>What a token lends; it is good once.</summary>
    /// <exception cref="CommandFaultException">TOKEN_REFUSED (EACCES).</exception>
    internal LeaseGrant Redeem(in BrokerToken token, uint uid) =>
        _grants.Remove(HashOf(token), out (LeaseGrant Grant, long EndsNs) found) && found.EndsNs > Clock.MonotonicNs()
            ? found.Grant
            : throw new CommandFaultException(
                "TOKEN_REFUSED", $"token of uid {uid}: unknown, shown before, or over", Errno.EACCES);

    /// <summary>Forgets tokens that are over.</summary>
    internal void Tick(long nowNs)
    {
        foreach (string over in _grants.Where(entry => entry.Value.EndsNs <= nowNs).Select(e => e.Key).ToList())
        {
            _grants.Remove(over);
        }
    }

    private static string HashOf(in BrokerToken token) =>
        Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(token));
}
