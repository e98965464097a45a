using Nf.DataPlane.Ports;

namespace Nf.DataPlane.Control;

/// <summary>An entry of a cpumap in user space while it runs: its queue, and the worker that empties it.</summary>
/// <param name="cpu">The CPU.</param>
/// <param name="worker">The worker there.</param>
/// <param name="queue">Where it receives.</param>
/// <param name="filter">Its program; null for none.</param>
/// <param name="redirects">Ways to where its program redirects, on other workers.</param>
internal sealed class UserspaceEntry(
    uint cpu, Worker worker, CrossingOut queue, CrossingFilter? filter, IReadOnlyList<UserspaceRedirect> redirects)
    : IDisposable
{
    internal uint Cpu { get; } = cpu;

    internal Worker Worker { get; } = worker;

    internal CrossingOut Queue { get; } = queue;

    internal CrossingFilter? Filter { get; } = filter;

    internal IReadOnlyList<UserspaceRedirect> Redirects { get; } = redirects;

    /// <summary>Tells whether nothing is on its way through it. No port may send into it any more.</summary>
    internal bool IsDrained()
    {
        bool empty = true;
        Worker.Invoke(() => empty = !Queue.HasFrames);
        foreach (UserspaceRedirect redirect in Redirects)
        {
            redirect.To.Invoke(() => empty &= !redirect.Far.HasFrames);
        }

        return empty;
    }

    /// <summary>Takes it off its worker; it is drained.</summary>
    internal void Detach()
    {
        Worker.Invoke(() =>
        {
            Worker.Detach(Queue);
            foreach (UserspaceRedirect redirect in Redirects)
            {
                Worker.Detach(redirect.Near);
            }
        });
        foreach (UserspaceRedirect redirect in Redirects)
        {
            redirect.To.Invoke(() => redirect.To.Detach(redirect.Far));
        }
    }

    public void Dispose()
    {
        Queue.Dispose();
        Filter?.Dispose();
        foreach (UserspaceRedirect redirect in Redirects)
        {
            redirect.Near.Dispose();
            redirect.Far.Dispose();
        }
    }
}

/// <summary>The way from an entry's worker to a port that its program redirects to.</summary>
/// <param name="To">The worker of that port.</param>
/// <param name="Near">What the entry's worker sends by.</param>
/// <param name="Far">Where the other receives.</param>
internal sealed record UserspaceRedirect(Worker To, CrossingIn Near, CrossingOut Far);
