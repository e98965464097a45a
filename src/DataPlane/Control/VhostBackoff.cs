namespace Nf.DataPlane.Control;

/// <summary>How long to wait before the next attempt to reach somebody who is not there.</summary>
internal static class VhostBackoff
{
    /// <summary>The first wait: a front-end that restarts is there again after about so long. Arbitrary.</summary>
    internal const long FirstNs = 100_000_000;

    /// <summary>The longest wait, so that one who comes late is not kept waiting. Arbitrary.</summary>
    internal const long LongestNs = 2_000_000_000;

    /// <summary>Doubles with each attempt, up to a limit; a quarter more or less by chance, so that many devices do not
    /// knock together.</summary>
    /// <param name="attempts">Attempts in vain.</param>
    /// <param name="chance">0 up to 1.</param>
    internal static long DelayNs(int attempts, double chance)
    {
        long delay = Math.Min(LongestNs, FirstNs << Math.Clamp(attempts, 0, 16));
        return (long)(delay * (0.75 + (0.5 * chance)));
    }
}
