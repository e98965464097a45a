using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Ports;

namespace Nf.DataPlane.Control;

/// <summary>
/// The ways between workers that no cpumap names: from an entry's worker, or a port's, to the worker of the port that
/// frames leave by. One queue per pair of workers that has ever been needed; it stays.
/// </summary>
/// <remarks>Control thread only.</remarks>
internal sealed class CrossingMesh : IDisposable
{
    /// <summary>Frames that wait between two workers at most. Arbitrary: a quarter of the largest entry.</summary>
    internal const uint HopSize = 4096;

    private readonly CrossingHomes _homes = new();
    private readonly Dictionary<(Worker From, Worker To), Hop> _hops = [];
    private readonly HashSet<IDisposable> _owned = [];

    /// <summary>A way from one worker to another.</summary>
    /// <param name="Near">What the one sends by what came from others.</param>
    /// <param name="Far">Where the other receives, and knows where each port's frames go on.</param>
    internal sealed record Hop(CrossingIn Near, CrossingOut Far);

    /// <summary>Where tokens come from and go back to.</summary>
    internal CrossingHomes Homes => _homes;

    /// <summary>Sees to it that a worker has a home for the frames it hands over.</summary>
    internal CrossingHome HomeOf(Worker worker)
    {
        if (_homes.Find(worker.Slot) is { } home)
        {
            return home;
        }

        CrossingHome made = null!;
        worker.Invoke(() => made = worker.OpenHome(_homes, new FrameRecords()));
        _owned.Add(made);
        return made;
    }

    /// <summary>The way from one worker to another.</summary>
    internal Hop Between(Worker from, Worker to)
    {
        if (_hops.TryGetValue((from, to), out Hop? hop))
        {
            return hop;
        }

        HomeOf(from);
        HomeOf(to);
        var far = new CrossingOut(new HandoverRing(HopSize), _homes);
        var near = new CrossingIn(null, new CrossingSelector.Fixed(0), 1);
        near.SetLane(0, far.Ring);
        to.Invoke(() => to.Attach(far));
        from.Invoke(() => from.Attach(near));
        hop = new Hop(near, far);
        _hops.Add((from, to), hop);
        _owned.Add(near);
        _owned.Add(far);
        return hop;
    }

    /// <summary>Frees something with the workers, unless <see cref="Free"/> comes first.</summary>
    internal void Keep(IDisposable owned) => _owned.Add(owned);

    /// <summary>Frees something that no worker uses any more.</summary>
    internal void Free(IDisposable owned)
    {
        _owned.Remove(owned);
        owned.Dispose();
    }

    /// <summary>Frees everything. The workers have ended.</summary>
    public void Dispose()
    {
        foreach (IDisposable owned in _owned)
        {
            owned.Dispose();
        }

        _owned.Clear();
    }
}
