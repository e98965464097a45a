using System.Runtime.InteropServices;
using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Lab;
using Nf.DataPlane.Ports;
using Nf.DataPlane.Tests.Ports;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Cpumaps;

/// <summary>
/// A rig whose ports hand their frames to other workers: worker 0 has the ports, and each entry is one more worker.
/// Rounds are run by hand, in any order.
/// </summary>
internal sealed unsafe class CrossingRig : IDisposable
{
    private readonly List<IDisposable> _owned = [];
    private readonly WorkerCounters* _counters;

    internal CrossingRig(LabPlan plan, int entries, uint queueSize = 64, FrameRecords? records = null)
    {
        Rig = new Rig(plan);
        _counters = (WorkerCounters*)NativeMemory.AlignedAlloc((nuint)((entries + 1) * sizeof(WorkerCounters)), 64);
        NativeMemory.Clear(_counters, (nuint)((entries + 1) * sizeof(WorkerCounters)));
        Workers =
        [
            Rig.Life.Worker,
            .. Enumerable.Range(1, entries).Select(i => new Worker(
                i, i % Environment.ProcessorCount, TimeSpan.FromMicroseconds(10), Rig.Life.State.Record(i),
                &_counters[i], (_, why) => Assert.Fail(why))),
        ];
        Homes = [.. Workers.Select((worker, i) => worker.OpenHome(
            HomesByNumber, i == 0 && records is not null ? records : new FrameRecords()))];
        Entries = new CrossingOut[entries];
        for (int i = 0; i < entries; i++)
        {
            Entries[i] = Own(new CrossingOut(Own(new HandoverRing(queueSize)), HomesByNumber));
            Workers[i + 1].Attach(Entries[i]);
        }
    }

    internal Rig Rig { get; }

    internal CrossingHomes HomesByNumber { get; } = new();

    internal Worker[] Workers { get; }

    internal CrossingHome[] Homes { get; }

    internal CrossingOut[] Entries { get; }

    internal XskPort Port(int port) => Rig.Life.Ports[port];

    /// <summary>Has what a port receives go through the entries, and then to its peer, on the worker of that.</summary>
    internal CrossingIn Spread(int port, CrossingSelector selector, uint wayOnSize = 64)
    {
        XskPort source = Port(port);
        Port target = source.Peer!;
        CrossingIn way = Own(new CrossingIn(source, selector, Entries.Length));
        Homes[0].Register(way);
        for (int i = 0; i < Entries.Length; i++)
        {
            Entries[i].SetRoute(source.Slot, new CrossingOut.Onward(WayOn(i, target, wayOnSize)));
            way.SetLane(i, Entries[i].Ring);
        }

        Workers[0].Attach(way);
        source.Peer = way;
        return way;
    }

    /// <summary>A crossing from an entry's worker to a port of worker 0.</summary>
    internal CrossingIn WayOn(int entry, Port target, uint size)
    {
        CrossingOut far = Own(new CrossingOut(Own(new HandoverRing(size)), HomesByNumber)
        {
            Default = new CrossingOut.Onward(target),
        });
        CrossingIn near = Own(new CrossingIn(null, new CrossingSelector.Fixed(0), 1));
        near.SetLane(0, far.Ring);
        Workers[entry + 1].Attach(near);
        Workers[0].Attach(far);
        return near;
    }

    /// <summary>Runs rounds of every worker until nothing moves any more.</summary>
    internal void Settle()
    {
        for (int quiet = 0; quiet < 4;)
        {
            int before = Rig.Sent.Sum(sent => sent.Count);
            uint packets = 0;
            foreach (Worker worker in Workers)
            {
                packets += worker.RunOnce();
            }

            Rig.Send();
            quiet = packets == 0 && Rig.Sent.Sum(sent => sent.Count) == before ? quiet + 1 : 0;
        }
    }

    /// <summary>Every chunk and record is home, and every frame received has one fate.</summary>
    internal void CheckSums()
    {
        Rig.CheckSums();
        Assert.All(Homes, home => Assert.Equal(home.Records.Capacity, home.Records.FreeCount));
    }

    public void Dispose()
    {
        foreach (Worker worker in Workers.Skip(1))
        {
            worker.Dispose();
        }

        Rig.Dispose();
        _owned.ForEach(owned => owned.Dispose());
        foreach (CrossingHome home in Homes)
        {
            home.Dispose();
        }

        NativeMemory.AlignedFree(_counters);
    }

    private T Own<T>(T owned)
        where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }
}
