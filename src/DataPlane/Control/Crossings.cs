using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Ports;
using Nf.Linux;

namespace Nf.DataPlane.Control;

/// <summary>
/// Connects ports with where their frames go, over workers: directly where both are of one worker, else through queues,
/// and through those of a cpumap first where an endpoint names one.
/// </summary>
/// <remarks>
/// Control thread only, or a worker that it waits for. Every change is one action of one worker between two of its
/// rounds, in which nothing is staged: so when it has answered, nobody there holds what was replaced. That is the grace
/// period.
/// </remarks>
internal sealed class Crossings(CrossingMesh mesh)
{
    /// <summary>How long frames may take to come home; they take microseconds. Only a worker that hangs takes longer,
    /// and then the heartbeat ends this life first.</summary>
    internal const long PatienceNs = 30_000_000_000;

    private readonly Dictionary<int, CrossingWay> _ways = [];

    /// <summary>Has what a port receives go to a target, instead of where it went.</summary>
    /// <param name="source">The port.</param>
    /// <param name="worker">Its worker.</param>
    /// <param name="target">Where to; null while that is not there.</param>
    /// <param name="use">The cpumap between; null for none.</param>
    internal void Connect(Port source, Worker worker, CrossingTarget? target, CrossingUse? use)
    {
        CrossingWay? way = _ways.GetValueOrDefault(source.Slot);
        if (way is not null && ReferenceEquals(way.Source, source) && way.Worker == worker && Equals(way.Use, use)
            && (use is not null || target?.Worker != worker))
        {
            SetTarget(way, target);
            return;
        }

        if (way is not null)
        {
            Remove(way);
        }

        if (use is null && (target is null || target.Worker == worker))
        {
            worker.Invoke(() => source.Peer = target?.Onward.Peer);
            return;
        }

        Add(source, worker, target, use);
    }

    /// <summary>Has what a port receives go nowhere; returns when all of it that was on its way is home.</summary>
    internal void Disconnect(Port source, Worker worker)
    {
        if (_ways.GetValueOrDefault(source.Slot) is { } way)
        {
            Remove(way);
        }

        worker.Invoke(() => source.Peer = null);
    }

    /// <summary>Sets an entry in the place of the one there is: the new one is polled before any port sends into it,
    /// and takes nothing out before the old one is empty.</summary>
    /// <returns>The entry that was replaced: nothing is sent into it any more; null when there was none.</returns>
    internal UserspaceEntry? SetEntry(UserspaceQueues cpumap, UserspaceEntry entry)
    {
        cpumap.Entries.Remove(entry.Cpu, out UserspaceEntry? old);
        cpumap.Entries.Add(entry.Cpu, entry);
        mesh.Keep(entry);
        mesh.HomeOf(entry.Worker);
        foreach (CrossingWay way in cpumap.Ways)
        {
            SetRoute(entry, way);
        }

        entry.Worker.Invoke(() =>
        {
            foreach (UserspaceRedirect redirect in entry.Redirects)
            {
                entry.Worker.Attach(redirect.Near);
            }

            entry.Worker.Attach(entry.Queue);
        });
        Swap(cpumap, entry.Cpu, entry.Queue.Ring);
        return old;
    }

    /// <summary>Removes an entry.</summary>
    /// <returns>The entry: nothing is sent into it any more; null when there was none.</returns>
    internal static UserspaceEntry? RemoveEntry(UserspaceQueues cpumap, uint cpu)
    {
        cpumap.Entries.Remove(cpu, out UserspaceEntry? old);
        Swap(cpumap, cpu, null);
        return old;
    }

    /// <summary>Takes an entry that is drained off its worker, and frees it.</summary>
    internal void End(UserspaceEntry entry)
    {
        entry.Detach();
        mesh.Free(entry);
    }

    /// <summary>Makes a queue for an entry.</summary>
    /// <param name="size">Frames it holds.</param>
    /// <param name="old">What it replaces.</param>
    internal CrossingOut NewQueue(uint size, UserspaceEntry? old) =>
        new(new HandoverRing(size), mesh.Homes, old?.Queue);

    /// <summary>A way from an entry's worker to a port of another that its program redirects to.</summary>
    internal UserspaceRedirect NewRedirect(Worker to, Port target)
    {
        mesh.HomeOf(to);
        var far = new CrossingOut(new HandoverRing(CrossingMesh.HopSize), mesh.Homes)
        {
            Default = new CrossingOut.Onward(target),
        };
        var near = new CrossingIn(null, new CrossingSelector.Fixed(0), 1);
        near.SetLane(0, far.Ring);
        to.Invoke(() => to.Attach(far));
        return new UserspaceRedirect(to, near, far);
    }

    /// <summary>Counters of an entry, its earlier queues included.</summary>
    internal static UserspaceCounts CountsOf(UserspaceQueues cpumap, uint cpu)
    {
        UserspaceCounts counts = cpumap.Earlier.GetValueOrDefault(cpu);
        foreach (CrossingWay way in cpumap.Ways)
        {
            way.Worker.Invoke(() =>
            {
                if (way.Near.Lane((int)cpu) is { } lane)
                {
                    counts.Add(lane);
                }
            });
        }

        foreach (UserspaceEntry entry in cpumap.Entries.Values.Concat(cpumap.Draining).Where(e => e.Cpu == cpu))
        {
            entry.Worker.Invoke(() => counts.Add(entry));
        }

        return counts;
    }

    private static CrossingSelector SelectorOf(CrossingUse use) =>
        use.Select([.. use.Cpumap.Entries.Keys]);

    private void Add(Port source, Worker worker, CrossingTarget? target, CrossingUse? use)
    {
        CrossingHome home = mesh.HomeOf(worker);
        var near = new CrossingIn(
            source, use is null ? new CrossingSelector.Fixed(0) : SelectorOf(use), use?.Cpumap.LaneCount ?? 1);
        mesh.Keep(near);
        var way = new CrossingWay(source, worker, use, near);
        SetTarget(way, target);
        if (use is not null)
        {
            use.Cpumap.Ways.Add(way);
            foreach (UserspaceEntry entry in use.Cpumap.Entries.Values)
            {
                near.SetLane((int)entry.Cpu, entry.Queue.Ring);
            }
        }

        _ways.Add(source.Slot, way);
        worker.Invoke(() =>
        {
            worker.Attach(near);
            home.Register(near);
            source.Switch = null;
            source.Peer = near;
        });
    }

    private void SetTarget(CrossingWay way, CrossingTarget? target)
    {
        way.Target = target;
        if (way.Use is { } use)
        {
            foreach (UserspaceEntry entry in use.Cpumap.Entries.Values)
            {
                SetRoute(entry, way);
            }

            return;
        }

        HandoverRing? ring = target is null ? null : RouteTo(way.Worker, way, target).Ring;
        way.Worker.Invoke(() => way.Near.SetLane(0, ring));
    }

    private void SetRoute(UserspaceEntry entry, CrossingWay way)
    {
        CrossingOut.Onward? onward = way.Target switch
        {
            null => null,
            var target when target.Worker == entry.Worker => target.Onward,
            var target => new CrossingOut.Onward(NearOf(entry.Worker, way, target)),
        };
        entry.Worker.Invoke(() => entry.Queue.SetRoute(way.Source.Slot, onward));
    }

    private CrossingIn NearOf(Worker from, CrossingWay way, CrossingTarget target)
    {
        RouteTo(from, way, target);
        return mesh.Between(from, target.Worker).Near;
    }

    // Has frames of a way that come from a worker to the target's worker go on there.
    private CrossingOut RouteTo(Worker from, CrossingWay way, CrossingTarget target)
    {
        CrossingOut far = mesh.Between(from, target.Worker).Far;
        target.Worker.Invoke(() => far.SetRoute(way.Source.Slot, target.Onward));
        return far;
    }

    // Every port that sends into the cpumap: what it has staged goes where it was to go, what comes next elsewhere.
    private static void Swap(UserspaceQueues cpumap, uint cpu, HandoverRing? ring)
    {
        foreach (CrossingWay way in cpumap.Ways)
        {
            CrossingSelector selector = SelectorOf(way.Use!);
            way.Worker.Invoke(() =>
            {
                if (ring is null && way.Near.Lane((int)cpu) is { } lane)
                {
                    way.Near.Flush();
                    Keep(cpumap, cpu, lane);
                }

                way.Near.SetLane((int)cpu, ring);
                way.Near.Selector = selector;
            });
        }
    }

    private static void Keep(UserspaceQueues cpumap, uint cpu, CrossingLane lane)
    {
        UserspaceCounts counts = cpumap.Earlier.GetValueOrDefault(cpu);
        counts.Add(lane);
        cpumap.Earlier[cpu] = counts;
    }

    private void Remove(CrossingWay way)
    {
        CrossingHome home = mesh.HomeOf(way.Worker);
        way.Worker.Invoke(() =>
        {
            if (ReferenceEquals(way.Source.Peer, way.Near))
            {
                way.Source.Peer = null;
            }

            way.Near.Flush();
        });
        AwaitHome(way);
        way.Worker.Invoke(() =>
        {
            for (int lane = 0; way.Use is { } use && lane < use.Cpumap.LaneCount; lane++)
            {
                if (way.Near.Lane(lane) is { } counted)
                {
                    Keep(use.Cpumap, (uint)lane, counted);
                }
            }

            way.Worker.Detach(way.Near);
            home.Forget(way.Near);
        });
        way.Use?.Cpumap.Ways.Remove(way);
        _ways.Remove(way.Source.Slot);
        mesh.Free(way.Near);
    }

    // Each question is a round of the worker; the others empty their queues meanwhile.
    private static void AwaitHome(CrossingWay way)
    {
        long deadline = Clock.MonotonicNs() + PatienceNs;
        ulong left;
        do
        {
            left = 0;
            way.Worker.Invoke(() => left = way.Source.Rings.HandedOver);
            if (left != 0 && Clock.MonotonicNs() > deadline)
            {
                throw new InvalidOperationException(
                    $"{left} frames of port {way.Source.Slot} do not come back from other workers");
            }
        }
        while (left != 0);
    }
}
