using Nf.DataPlane.Cpumaps;

namespace Nf.DataPlane.Ports;

/// <summary>What one port puts into one queue: a bulk that is being filled, and counters. Belongs to the port's
/// worker.</summary>
internal sealed class CrossingLane(HandoverRing ring)
{
    private readonly ulong[] _bulk = new ulong[HandoverRing.BulkMax];

    /// <summary>The queue. Another one takes its place only between two rounds, when nothing is staged.</summary>
    internal HandoverRing Ring { get; set; } = ring;

    /// <summary>Frames staged.</summary>
    internal int Count { get; private set; }

    /// <summary>True while it is among those to be flushed.</summary>
    internal bool IsListed { get; set; }

    /// <summary>Frames that were to be queued, dropped ones included.</summary>
    internal ulong Enqueued { get; private set; }

    /// <summary>Of those, dropped because the queue was full.</summary>
    internal ulong EnqueueDrops { get; private set; }

    /// <summary>Times that frames were queued.</summary>
    internal ulong Bulks { get; private set; }

    /// <summary>True when the next frame has to wait until the bulk is pushed.</summary>
    internal bool IsFull => Count == HandoverRing.BulkMax;

    /// <summary>Stages a frame.</summary>
    internal void Append(ulong token) => _bulk[Count++] = token;

    /// <summary>Pushes what is staged.</summary>
    /// <returns>What the queue had no room for; valid until the next <see cref="Append"/>.</returns>
    internal ReadOnlySpan<ulong> Push()
    {
        int count = Count;
        int pushed = Ring.Push(_bulk.AsSpan(0, count));
        Enqueued += (ulong)count;
        EnqueueDrops += (ulong)(count - pushed);
        Bulks++;
        Count = 0;
        return _bulk.AsSpan(pushed, count - pushed);
    }
}
