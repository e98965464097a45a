using Google.Protobuf.WellKnownTypes;
using Nf.V1;

namespace Nf.Service;

/// <summary>What happened lately: numbered events in a ring, which watchers read at their own pace.</summary>
/// <remarks>Thread-safe. A watcher costs a number, not a queue: one that is overrun is told so and goes on.</remarks>
internal sealed class EventLog(TimeProvider time)
{
    /// <summary>Events that are kept.</summary>
    public const int KeptMax = 1024;

    /// <summary>The resource type of events about the data plane itself.</summary>
    public const string DataPlaneType = "data_plane";

    /// <summary>The resource types of events.</summary>
    public static readonly IReadOnlyList<string> ResourceTypes =
    [
        DesiredResource.UmemType, DesiredResource.XskSocketType, DesiredResource.VhostDeviceType,
        DesiredResource.LinkType, DesiredResource.BridgeType, DesiredResource.CpumapType,
        DesiredResource.CpumapProgramType, DesiredResource.SteeringType, "lease", "broker_policy",
        "interface", DataPlaneType,
    ];

    private readonly Lock _lock = new();
    private readonly Event[] _ring = new Event[KeptMax];
    private readonly ulong[] _countByKind = new ulong[System.Enum.GetValues<EventKind>().Length];
    private ulong _last;
    private TaskCompletionSource _next = NewSignal();

    /// <summary>Number of the last event; 0 before the first.</summary>
    public ulong LastSequence
    {
        get
        {
            lock (_lock)
            {
                return _last;
            }
        }
    }

    /// <summary>Number of the oldest event that is kept; 1 before the first.</summary>
    public ulong FirstKept
    {
        get
        {
            lock (_lock)
            {
                return Oldest;
            }
        }
    }

    private ulong Oldest => _last < KeptMax ? 1 : _last - KeptMax + 1;

    /// <summary>Notes something that this service did or saw.</summary>
    public void Publish(
        EventKind kind,
        string type,
        string name,
        string message,
        ulong generation,
        params (string Key, string Value)[] attributes)
    {
        var told = new Event
        {
            Kind = kind,
            ResourceType = type,
            ResourceName = name,
            Message = message,
            Generation = generation,
            Time = Timestamp.FromDateTimeOffset(time.GetUtcNow()),
        };
        foreach ((string key, string value) in attributes)
        {
            told.Attributes[key] = value;
        }

        Publish(told);
    }

    /// <summary>Notes an event as told; its number is replaced by ours.</summary>
    public void Publish(Event told)
    {
        TaskCompletionSource signal;
        lock (_lock)
        {
            told.Sequence = ++_last;
            _ring[_last % KeptMax] = told;
            int kind = (int)told.Kind;
            _countByKind[kind >= 0 && kind < _countByKind.Length ? kind : 0]++;
            signal = _next;
            _next = NewSignal();
        }

        signal.TrySetResult();
    }

    /// <summary>How many events of a kind there were.</summary>
    public ulong CountOf(EventKind kind)
    {
        lock (_lock)
        {
            return _countByKind[(int)kind];
        }
    }

    /// <summary>The next event after a number.</summary>
    /// <param name="after">The last event seen.</param>
    /// <param name="arrival">When null is returned: ends when there is another event.</param>
    /// <returns>The event; EVENTS_LOST when those that followed are gone; null when there is none yet.</returns>
    public Event? Next(ulong after, out Task arrival)
    {
        lock (_lock)
        {
            arrival = _next.Task;

            // A number we have not given out yet is one of an earlier life of this service.
            if (after > _last)
            {
                return Lost(Oldest - 1, $"there is no event {after} in this life of the service");
            }

            if (after + 1 < Oldest)
            {
                return Lost(Oldest - 1, $"{Oldest - 1 - after} events are no longer kept");
            }

            return after == _last ? null : _ring[(after + 1) % KeptMax];
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Event Lost(ulong sequence, string message) => new()
    {
        Sequence = sequence,
        Kind = EventKind.EventsLost,
        Message = message + "; read the resources again",
        Time = Timestamp.FromDateTimeOffset(time.GetUtcNow()),
    };
}
