using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Nf.DataPlane.Vhost.Rings;

/// <summary>
/// Stays a burst behind a driver that sends at full speed: emptying the ring all the time means to work on the very
/// cache lines that the driver is writing, which costs both sides more than half of their speed.
/// </summary>
/// <remarks>
/// It never delays a driver that is not in such a stream, and a stream never for longer than <see cref="WaitUsMax"/>.
/// Waiting in vain means that the other side waits for us: then it is given up for a while, longer each time.
/// </remarks>
internal struct LagRule
{
    /// <summary>Descriptors to stay behind: two bursts, which measured best.</summary>
    internal const uint Distance = 128;

    /// <summary>Longest wait in calls.</summary>
    internal const uint LooksMax = 200;

    /// <summary>Longest wait in microseconds.</summary>
    internal const long WaitUsMax = 2;

    private const uint FullBurst = 64;
    private const uint PauseMax = 1 << 14;

    private readonly uint _distance;
    private uint _looks;
    private long _since;
    private uint _pause;
    private uint _pauseNext;
    private bool _isStreaming;

    /// <param name="size">Descriptors of the ring: a small one has no room for it.</param>
    internal LagRule(uint size)
    {
        _distance = size >= 2 * Distance ? Distance : 0;
        _pauseNext = 16;
    }

    /// <summary>How many pending buffers there must be now; 0 or 1 when any number will do.</summary>
    internal readonly uint Threshold => _isStreaming && _pause == 0 ? _distance : 0;

    /// <summary>Asked when fewer are pending: whether to look again later.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal bool MustWait()
    {
        long now = Stopwatch.GetTimestamp();
        _since = _looks == 0 ? now : _since;
        bool isOver = (now - _since) * 1_000_000 > WaitUsMax * Stopwatch.Frequency;
        if (++_looks <= LooksMax && !isOver)
        {
            return true;
        }

        _looks = 0;
        _pause = _pauseNext;
        _pauseNext = Math.Min(2 * _pauseNext, PauseMax);
        return false;
    }

    /// <summary>Told what a burst came to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Took(uint count)
    {
        if (_looks != 0)
        {
            // The wait was worth it.
            _looks = 0;
            _pauseNext = 16;
        }

        _isStreaming = count >= FullBurst;
        _pause -= _pause == 0 ? 0u : 1u;
    }
}
