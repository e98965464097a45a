using System.Runtime.CompilerServices;
using Nf.V1;

namespace Nf.Service;

/// <summary>What a watcher wants to see.</summary>
/// <param name="AfterSequence">Only events after this number; 0 means from now on, or from the oldest kept one.</param>
/// <param name="IncludePast">Begin with the kept past.</param>
/// <param name="ResourceTypes">Only of these types; empty for all.</param>
internal sealed record EventWatch(ulong AfterSequence, bool IncludePast, IReadOnlySet<string> ResourceTypes)
{
    /// <exception cref="InvalidSpecException">A resource type is unknown.</exception>
    public static EventWatch From(WatchEventsRequest request)
    {
        var faults = new SpecFaults();
        for (int i = 0; i < request.ResourceTypes.Count; i++)
        {
            faults.Require(
                EventLog.ResourceTypes.Contains(request.ResourceTypes[i]),
                $"resource_types[{i}]",
                $"\"{request.ResourceTypes[i]}\" is none of {string.Join(", ", EventLog.ResourceTypes)}");
        }

        faults.ThrowIfAny();
        return new EventWatch(request.AfterSequence, request.IncludePast, request.ResourceTypes.ToHashSet());
    }

    /// <summary>The events, without end. That events were lost is told whatever types are wanted.</summary>
    public IAsyncEnumerable<Event> ReadAsync(EventLog log, CancellationToken cancel)
    {
        // Taken now, not at the first read: what happens in between belongs to the watcher.
        ulong seen = AfterSequence > 0 ? AfterSequence : IncludePast ? log.FirstKept - 1 : log.LastSequence;
        return ReadAsync(log, seen, cancel);
    }

    private async IAsyncEnumerable<Event> ReadAsync(
        EventLog log, ulong seen, [EnumeratorCancellation] CancellationToken cancel)
    {
        while (true)
        {
            if (log.Next(seen, out Task arrival) is not { } next)
            {
                await arrival.WaitAsync(cancel);
                continue;
            }

            seen = next.Sequence;
            if (next.Kind == EventKind.EventsLost || ResourceTypes.Count == 0
                || ResourceTypes.Contains(next.ResourceType))
            {
                yield return next;
            }
        }
    }
}
