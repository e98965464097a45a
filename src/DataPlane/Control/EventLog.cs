using Google.Protobuf.WellKnownTypes;
using Nf.DataPlane.Memory;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>What happened lately, numbered over all lives, for those who listen and those who come back.</summary>
internal sealed class EventLog(StateFile state, ulong generation)
{
    /// <summary>Events kept for a service that was away. Arbitrary.</summary>
    private const int KeptMax = 256;

    private readonly Queue<Event> _kept = new();

    /// <summary>Told of every event.</summary>
    internal event Action<Event>? Added;

    internal void Add(
        EventKind kind, string type, string name, string message, params (string Key, string Value)[] attributes)
    {
        var told = new Event
        {
            Sequence = ++state.EventSequence,
            Time = Timestamp.FromDateTimeOffset(DateTimeOffset.UtcNow),
            Kind = kind,
            ResourceType = type,
            ResourceName = name,
            Message = message,
            Generation = generation,
        };
        foreach ((string key, string value) in attributes)
        {
            told.Attributes[key] = value;
        }

        _kept.Enqueue(told);
        if (_kept.Count > KeptMax)
        {
            _kept.Dequeue();
        }

        Added?.Invoke(told);
    }

    /// <summary>Kept events after a number.</summary>
    internal IEnumerable<Event> After(ulong sequence) => _kept.Where(kept => kept.Sequence > sequence);
}
