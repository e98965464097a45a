namespace Nf.Service;

/// <summary>One moment's view for all instruments of a scrape, so that its figures belong together.</summary>
internal sealed class MetricSource(SegmentView segment, ObservedState observed, TimeProvider time)
{
    // A scrape takes milliseconds; two scrapes are seconds apart.
    private static readonly TimeSpan KeptFor = TimeSpan.FromMilliseconds(20);

    private readonly Lock _lock = new();
    private (Running Running, SegmentSnapshot? Segment) _view = (Running.Nothing, null);
    private long? _taken;

    /// <summary>What runs and what it counts.</summary>
    public (Running Running, SegmentSnapshot? Segment) Read()
    {
        lock (_lock)
        {
            if (_taken is not { } taken || time.GetElapsedTime(taken) > KeptFor)
            {
                _view = (observed.Running, segment.TryRead());
                _taken = time.GetTimestamp();
            }

            return _view;
        }
    }
}
