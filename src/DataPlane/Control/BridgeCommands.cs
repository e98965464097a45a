using Nf.DataPlane.Forwarding;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;
using BridgeEntry = Nf.V1.BridgeEntry;

namespace Nf.DataPlane.Control;

/// <summary>Creates and deletes bridges, and tells what they have learned.</summary>
internal sealed class BridgeCommands(Resources resources)
{
    private const int EndpointCountMin = 2;
    private const int EndpointCountMax = 32;
    private const uint AgeSecondsDefault = 300;
    private const uint AgeSecondsMax = 86400;
    private const uint EntriesDefault = 4096;
    private const uint EntriesMin = 16;
    private const uint EntriesLimit = 65536;
    private const uint AnswerEntriesMax = 1000;

    private readonly Endpoints _endpoints = new(resources);
    private readonly Gathering _gathering = new(resources);

    /// <exception cref="CommandFaultException">
    /// NAME_TAKEN, INVALID_SPEC, UNKNOWN_RESOURCE, ENDPOINT_IN_USE, WORKER_MISMATCH, LIMIT_REACHED.
    /// </exception>
    internal V1.Bridge Create(V1.Bridge asked)
    {
        if (resources.Bridges.ContainsKey(asked.Name))
        {
            throw new CommandFaultException("NAME_TAKEN", $"bridge \"{asked.Name}\" exists", Errno.EEXIST);
        }

        if (resources.Bridges.Count >= Resources.BridgeCountMax)
        {
            throw new CommandFaultException(
                "LIMIT_REACHED", $"there are {Resources.BridgeCountMax} bridges already, the most", Errno.ENOBUFS);
        }

        BridgeResource bridge = Make(asked);
        try
        {
            resources.Store.Put(bridge);
        }
        catch
        {
            bridge.Table.Dispose();
            throw;
        }

        Join(bridge, restart: true);
        resources.Events.Add(
            EventKind.Created, bridge.Type, bridge.Name,
            $"{bridge.Endpoints.Count} endpoints on CPU {bridge.Worker.Cpu}");
        return bridge.Describe();
    }

    /// <summary>Deletes a bridge; its sockets and devices stay and drop what they receive.</summary>
    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE.</exception>
    internal void Delete(string name)
    {
        BridgeResource bridge = resources.Bridge(name);
        resources.Store.Drop(bridge);
        Endpoints.Part(bridge);
        bridge.Table.Dispose();
        resources.Bridges.Remove(name);
        resources.Events.Add(EventKind.Deleted, bridge.Type, name, "");
    }

    /// <summary>Makes a bridge of an earlier life work again; what it knew it learns anew.</summary>
    internal void Adopt(V1.Bridge asked)
    {
        BridgeResource bridge = Make(asked);
        Join(bridge, restart: false);
    }

    /// <summary>Addresses that a bridge has learned, by address.</summary>
    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE, INVALID_SPEC.</exception>
    internal BridgeEntries Entries(GetBridgeEntries asked)
    {
        if (asked.Limit is 0 or > AnswerEntriesMax)
        {
            throw new CommandFaultException(
                "INVALID_SPEC", $"limit {asked.Limit}: 1 to {AnswerEntriesMax}", Errno.EINVAL);
        }

        // Lower-case hexadecimal digits sort as the numbers they stand for.
        BridgeEntry[] rest =
        [
            .. resources.Bridge(asked.Name).Learned()
                .Where(entry => string.CompareOrdinal(entry.Mac, asked.AfterMac) > 0)
                .OrderBy(entry => entry.Mac, StringComparer.Ordinal).Take((int)asked.Limit + 1),
        ];
        var answer = new BridgeEntries { More = rest.Length > asked.Limit };
        answer.Entries.AddRange(rest.Take((int)asked.Limit));
        return answer;
    }

    /// <summary>Forgets old addresses where no traffic does it.</summary>
    internal void Sweep()
    {
        foreach (BridgeResource bridge in resources.Bridges.Values)
        {
            bridge.Worker.Invoke(bridge.Table.Sweep);
        }
    }

    private BridgeResource Make(V1.Bridge asked)
    {
        BridgeResource bridge = Resolve(asked);
        try
        {
            Endpoints.CheckFree(bridge);
            _gathering.OnOneWorker(bridge);
            return bridge;
        }
        catch
        {
            bridge.Table.Dispose();
            throw;
        }
    }

    private void Join(BridgeResource bridge, bool restart)
    {
        resources.Bridges.Add(bridge.Name, bridge);
        Endpoints.Join(bridge, restart);
    }

    private BridgeResource Resolve(V1.Bridge asked)
    {
        BridgeSpec spec = asked.Spec ?? new BridgeSpec();
        uint age = spec.AgeSeconds == 0 ? AgeSecondsDefault : spec.AgeSeconds;
        uint entries = spec.EntriesMax == 0 ? EntriesDefault : spec.EntriesMax;
        uint share = spec.EndpointEntriesMax == 0 ? entries : spec.EndpointEntriesMax;
        (bool Valid, string Message)[] rules =
        [
            (spec.Endpoints.Count is >= EndpointCountMin and <= EndpointCountMax,
                $"spec.endpoints: {spec.Endpoints.Count}, the rule is {EndpointCountMin} to {EndpointCountMax}"),
            (age <= AgeSecondsMax, $"spec.age_seconds {age}: 1 to {AgeSecondsMax}"),
            (entries is >= EntriesMin and <= EntriesLimit,
                $"spec.entries_max {entries}: {EntriesMin} to {EntriesLimit}"),
            (share <= entries, $"spec.endpoint_entries_max {share}: at most entries_max ({entries})"),
        ];
        string[] faults = [.. rules.Where(rule => !rule.Valid).Select(rule => rule.Message)];
        if (faults.Length != 0)
        {
            throw new CommandFaultException("INVALID_SPEC", string.Join("; ", faults), Errno.EINVAL);
        }

        IReadOnlyList<IConnectable>[] endpoints =
            [.. spec.Endpoints.Select((endpoint, i) => _endpoints.Resolve($"spec.endpoints[{i}]", endpoint))];
        CrossingUse?[] uses =
            [.. spec.Endpoints.Select((endpoint, i) => _endpoints.ResolveUse($"spec.endpoints[{i}]", endpoint))];
        IConnectable? twice = endpoints.SelectMany(members => members).GroupBy(member => member)
            .FirstOrDefault(group => group.Count() > 1)?.Key;
        return twice is not null
            ? throw new CommandFaultException(
                "INVALID_SPEC", $"spec.endpoints: {twice.Describe()} is there twice", Errno.EINVAL)
            : new BridgeResource(
                asked, endpoints,
                new Forwarding.Bridge(
                    new BridgeSettings(endpoints.Length, TimeSpan.FromSeconds(age), entries, share)),
                resources.Crossings)
            {
                EndpointUses = uses,
            };
    }
}
