using System.Collections.Immutable;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.Service;

/// <summary>The slots of the segment that are in use, copied at one moment.</summary>
internal sealed record SegmentSnapshot(
    ulong Generation,
    long HeartbeatAgeNs,
    long TakenMonotonicNs,
    DateTimeOffset Taken,
    ImmutableDictionary<int, PortSlot> Ports,
    ImmutableDictionary<int, UmemSlot> Umems,
    ImmutableArray<WorkerSlot> Workers,
    ImmutableDictionary<int, CpumapEntrySlot> CpumapEntries,
    ImmutableDictionary<int, SteeringRuleSlot> SteeringRules);

/// <summary>The one place that reads the segment. No reader can meet a mapping that was taken away.</summary>
/// <remarks>
/// The lock is held for the microseconds of a copy. What the last life wrote stays readable for a while after its end,
/// so that a restart leaves no hole in graphs.
/// </remarks>
internal sealed class SegmentView(TimeProvider time) : IDisposable
{
    /// <summary>How long the counters of a life outlive it.</summary>
    public static readonly TimeSpan GraceAfterLoss = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private SegmentReader? _segment;
    private long? _lostTimestamp;

    /// <summary>Reads another segment from now on, and owns it.</summary>
    public void Attach(SegmentReader segment)
    {
        lock (_lock)
        {
            _segment?.Dispose();
            _segment = segment;
            _lostTimestamp = null;
        }
    }

    /// <summary>Notes that nobody writes the segment any more.</summary>
    public void MarkLost()
    {
        lock (_lock)
        {
            _lostTimestamp ??= time.GetTimestamp();
        }
    }

    /// <summary>A copy of what is there now, or null when there is no data plane.</summary>
    public SegmentSnapshot? TryRead()
    {
        lock (_lock)
        {
            if (_segment is null || (_lostTimestamp is { } lost && time.GetElapsedTime(lost) > GraceAfterLoss))
            {
                return null;
            }

            long now = Clock.MonotonicNs();
            return new SegmentSnapshot(
                _segment.Header.Generation,
                Math.Max(0, now - _segment.HeartbeatNs),
                now,
                time.GetUtcNow(),
                InUse(SegmentLayout.PortCountMax, _segment.Port, slot => slot.Identity.InUse == 1),
                InUse(SegmentLayout.UmemCountMax, _segment.Umem, slot => slot.Identity.InUse == 1),
                [.. InUse(SegmentLayout.WorkerCountMax, _segment.Worker, slot => slot.Identity.InUse == 1)
                    .OrderBy(slot => slot.Key).Select(slot => slot.Value)],
                InUse(SegmentLayout.CpumapEntryCountMax, _segment.CpumapEntry, slot => slot.Identity.InUse == 1),
                InUse(SegmentLayout.SteeringRuleCountMax, _segment.SteeringRule, slot => slot.InUse == 1));
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _segment?.Dispose();
            _segment = null;
        }
    }

    private static ImmutableDictionary<int, T> InUse<T>(int count, Func<int, T> read, Func<T, bool> inUse)
    {
        var found = ImmutableDictionary.CreateBuilder<int, T>();
        for (int slot = 0; slot < count; slot++)
        {
            T copy = read(slot);
            if (inUse(copy))
            {
                found[slot] = copy;
            }
        }

        return found.ToImmutable();
    }
}
