namespace Nf.DataPlane.Broker;

/// <summary>What one user has of everything, over all of its connections and processes.</summary>
/// <param name="uid">The user.</param>
internal sealed class BrokerUser(uint uid)
{
    /// <summary>The user.</summary>
    internal uint Uid { get; } = uid;

    /// <summary>Connections it has open.</summary>
    internal int ConnectionCount { get; set; }

    /// <summary>Leases it has, those that are kept for a client that is gone included.</summary>
    internal int LeaseCount { get; set; }

    /// <summary>Bytes of packet memory of those leases.</summary>
    internal ulong MemoryBytes { get; set; }

    /// <summary>Its requests of any kind.</summary>
    internal TokenBucket Requests { get; } = new(BrokerLimits.RequestsPerSecond, BrokerLimits.RequestBurst);

    /// <summary>Its requests that make or bind sockets.</summary>
    internal TokenBucket Leases { get; } = new(BrokerLimits.LeasesPerSecond, BrokerLimits.LeaseBurst);

    /// <summary>Whether nothing of it is left, so that it can be forgotten.</summary>
    internal bool IsIdle => ConnectionCount == 0 && LeaseCount == 0;
}

/// <summary>All users that have anything.</summary>
internal sealed class BrokerUsers
{
    private readonly Dictionary<uint, BrokerUser> _users = [];

    /// <summary>Everyone who has a connection or a lease.</summary>
    internal IEnumerable<BrokerUser> All => _users.Values;

    /// <summary>A user, known already or not.</summary>
    internal BrokerUser Get(uint uid)
    {
        if (!_users.TryGetValue(uid, out BrokerUser? user))
        {
            user = new BrokerUser(uid);
            _users.Add(uid, user);
        }

        return user;
    }

    /// <summary>Forgets users without connections and leases. Their buckets fill up meanwhile, so this is for
    /// <see cref="BrokerServer.Tick"/>, not for the moment in which the last connection ends.</summary>
    internal void ForgetIdle()
    {
        foreach (BrokerUser idle in _users.Values.Where(user => user.IsIdle).ToList())
        {
            _users.Remove(idle.Uid);
        }
    }
}
