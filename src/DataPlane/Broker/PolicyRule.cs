using Nf.SharedMemory.Broker;

namespace Nf.DataPlane.Broker;

/// <summary>Where interfaces may be that a rule lends.</summary>
internal enum PolicyNamespaces
{
    /// <summary>In the data plane's network namespace.</summary>
    DataPlane,

    /// <summary>There, or in the client's own.</summary>
    Client,

    /// <summary>In any whose descriptor the client has.</summary>
    Any,
}

/// <summary>From here to there, both included.</summary>
internal readonly record struct NumberRange(uint First, uint Last)
{
    internal static NumberRange All { get; } = new(0, uint.MaxValue);

    internal bool Contains(uint number) => number >= First && number <= Last;

    public override string ToString() => First == Last ? $"{First}" : $"{First}-{Last}";
}

/// <summary>Who may lease what. Everything that a rule says of a client must fit for the rule to be about it.</summary>
internal sealed record PolicyRule
{
    /// <summary>Users; null for any.</summary>
    internal IReadOnlyList<NumberRange>? Uids { get; init; }

    /// <summary>Groups; null for any.</summary>
    internal IReadOnlyList<NumberRange>? Gids { get; init; }

    /// <summary>The cgroup, or one above it; empty for any.</summary>
    internal string Cgroup { get; init; } = "";

    /// <summary>Names of interfaces, with * and ?.</summary>
    internal IReadOnlyList<string> Interfaces { get; init; } = ["*"];

    /// <summary>Queues.</summary>
    internal IReadOnlyList<NumberRange> Queues { get; init; } = [NumberRange.All];

    /// <summary>Where the interfaces are.</summary>
    internal PolicyNamespaces Namespaces { get; init; } = PolicyNamespaces.Client;

    /// <summary>Kinds of memory.</summary>
    internal IReadOnlyList<LeaseMemoryKind> Memory { get; init; } =
        [LeaseMemoryKind.Service, LeaseMemoryKind.User, LeaseMemoryKind.Own];

    /// <summary>Most leases of a user.</summary>
    internal uint LeaseCountMax { get; init; } = 16;

    /// <summary>Most bytes of packet memory of a user.</summary>
    internal ulong MemoryBytesMax { get; init; } = 256ul << 20;

    /// <summary>Longest time in seconds that a lease is kept for a client that is gone.</summary>
    internal uint KeepSecondsMax { get; init; } = 600;

    /// <summary>Whether its clients may do what the seed leaves to administrators (UNSYNCHRONIZED memory).</summary>
    internal bool Privileged { get; init; }

    /// <summary>Whether the rule is about a client.</summary>
    internal bool IsAbout(uint uid, uint gid, string? cgroup) =>
        (Uids is null || Uids.Any(range => range.Contains(uid)))
        && (Gids is null || Gids.Any(range => range.Contains(gid)))
        && (Cgroup.Length == 0 || IsBelow(cgroup));

    /// <summary>Why a lease is not one that this rule lends; empty when it is.</summary>
    internal string WhyNot(in PolicyQuestion asked)
    {
        (string name, uint queue, LeaseMemoryKind kind) = (asked.Interface, asked.Queue, asked.MemoryKind);
        if (!Interfaces.Any(pattern => Glob.IsMatch(pattern, name)))
        {
            return $"interface {name}: this user may have {string.Join(", ", Interfaces)}";
        }

        if (!Queues.Any(range => range.Contains(queue)))
        {
            return $"queue {queue}: this user may have {string.Join(", ", Queues)}";
        }

        if (asked.Namespace > Namespaces)
        {
            return "network namespace: not one in which this user may lease";
        }

        if (!Memory.Contains(kind))
        {
            return $"memory_kind {kind}: this user may have {string.Join(", ", Memory)}";
        }

        if (asked.KeepSeconds > KeepSecondsMax)
        {
            return $"keep_seconds {asked.KeepSeconds}: at most {KeepSecondsMax}";
        }

        if (asked.LeaseCount >= LeaseCountMax)
        {
            return $"this user has {asked.LeaseCount} leases, at most {LeaseCountMax}";
        }

        return asked.MemoryBytes > MemoryBytesMax - Math.Min(asked.MemoryBytesInUse, MemoryBytesMax)
            ? $"memory_bytes {asked.MemoryBytes}: this user has {asked.MemoryBytesInUse} of {MemoryBytesMax}"
            : "";
    }

    private bool IsBelow(string? cgroup) => cgroup is not null
        && cgroup.StartsWith(Cgroup, StringComparison.Ordinal)
        && (cgroup.Length == Cgroup.Length || Cgroup[^1] == '/' || cgroup[Cgroup.Length] == '/');
}

/// <summary>May this client have this lease?</summary>
internal readonly record struct PolicyQuestion
{
    internal required string Interface { get; init; }

    internal uint Queue { get; init; }

    /// <summary>Where the interface is.</summary>
    internal PolicyNamespaces Namespace { get; init; }

    internal LeaseMemoryKind MemoryKind { get; init; }

    /// <summary>Bytes asked for.</summary>
    internal ulong MemoryBytes { get; init; }

    internal uint KeepSeconds { get; init; }

    /// <summary>Leases that its user has.</summary>
    internal int LeaseCount { get; init; }

    /// <summary>Bytes that its user has.</summary>
    internal ulong MemoryBytesInUse { get; init; }
}

/// <summary>Patterns of names: * is anything, ? is one character.</summary>
internal static class Glob
{
    internal static bool IsMatch(string pattern, string name)
    {
        // Where the last * was, and how much of the name it has taken so far.
        int star = -1;
        int taken = 0;
        int p = 0;
        for (int n = 0; n < name.Length;)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                (star, taken) = (p++, n);
            }
            else if (p < pattern.Length && (pattern[p] == '?' || pattern[p] == name[n]))
            {
                p++;
                n++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                n = ++taken;
            }
            else
            {
                return false;
            }
        }

        return pattern.AsSpan(p).TrimStart('*').IsEmpty;
    }
}
