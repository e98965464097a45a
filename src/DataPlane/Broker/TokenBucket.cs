namespace Nf.DataPlane.Broker;

/// <summary>Lets so many things happen per second, and a few more at once.</summary>
/// <param name="perSecond">How many per second in the long run.</param>
/// <param name="burst">How many at once after a while of silence.</param>
internal sealed class TokenBucket(double perSecond, double burst)
{
    private readonly double _burst = burst;
    private double _tokens = burst;
    private long _lastNs;

    /// <summary>Takes one if there is one.</summary>
    /// <param name="nowNs">CLOCK_MONOTONIC in nanoseconds.</param>
    internal bool TryTake(long nowNs)
    {
        _tokens = Math.Min(_burst, _tokens + (perSecond * (nowNs - _lastNs) / 1e9));
        _lastNs = nowNs;
        if (_tokens < 1)
        {
            return false;
        }

        _tokens--;
        return true;
    }
}
