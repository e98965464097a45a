namespace Nf.Keeper;

/// <summary>
/// How long to wait before another life is started: not at all, until lives have failed early several times in a row.
/// </summary>
internal sealed class RestartBackoff
{
    /// <summary>Early failures in a row that are taken for accidents.</summary>
    internal const int FailureCountFree = 5;

    private const long NanosecondsPerMs = 1_000_000;
    private const long DelayFirstNs = 250 * NanosecondsPerMs;
    private const long DelayMaxNs = 5_000 * NanosecondsPerMs;
    private const long WindowNs = 10_000 * NanosecondsPerMs;

    private int _failures;
    private long _lastFailureNs;
    private long _delayNs;

    /// <summary>No life is started before this moment of the monotonic clock.</summary>
    internal long NotBeforeNs { get; private set; }

    /// <summary>Failures in a row so far.</summary>
    internal int Failures => _failures;

    /// <summary>A life ended before it was of any use.</summary>
    /// <returns>How long to wait.</returns>
    internal TimeSpan Failed(long nowNs)
    {
        // The wait that was imposed is no sign of health.
        bool isSameRow = _failures > 0 && nowNs - _lastFailureNs <= WindowNs + _delayNs;
        _failures = isSameRow ? _failures + 1 : 1;
        _lastFailureNs = nowNs;
        int beyond = _failures - FailureCountFree;

        // Doubles each time; the shift is bounded so that it cannot overflow.
        _delayNs = beyond < 0 ? 0 : Math.Min(DelayMaxNs, DelayFirstNs << Math.Min(beyond, 8));
        NotBeforeNs = nowNs + _delayNs;
        return TimeSpan.FromMilliseconds(_delayNs / NanosecondsPerMs);
    }

    /// <summary>A life was of use: the row is over.</summary>
    internal void Succeeded() => (_failures, _delayNs, NotBeforeNs) = (0, 0, 0);
}
