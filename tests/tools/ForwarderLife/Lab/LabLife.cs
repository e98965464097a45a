using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Ports;
using Nf.Linux;

namespace Nf.DataPlane.Lab;

/// <summary>
/// One life on a lab's memory: everything that a data plane has on its heap, and a worker that is not started.
/// </summary>
internal sealed unsafe class LabLife : IDisposable
{
    private readonly EventFd[] _readiness;
    private readonly List<IDisposable> _crossing = [];

    /// <param name="memory">What an earlier life left, or nothing.</param>
    /// <param name="fresh">The first life: every chunk is free. Else the ports are recovered.</param>
    internal LabLife(LabMemory memory, bool fresh)
        : this(memory, fresh ? LabStart.Fresh : LabStart.Recovered)
    {
    }

    internal LabLife(LabMemory memory, LabStart start)
    {
        bool fresh = start == LabStart.Fresh;
        Memory = memory;
        LabPlan plan = memory.Plan;
        State = memory.OpenState();
        Umems = [.. plan.Umems.Select((umem, i) => fresh
            ? Umem.Create(memory.OpenUmem(i), umem.Geometry(), memory.UmemCounters(i))
            : Umem.Adopt(memory.OpenUmem(i), umem.Geometry(), memory.UmemCounters(i)))];
        _readiness = [.. plan.Ports.Select(_ => EventFd.Create())];
        var pools = new XskPool[plan.Ports.Length];
        Ports = new XskPort[plan.Ports.Length];
        for (int i = 0; i < Ports.Length; i++)
        {
            LabPort port = plan.Ports[i];
            pools[i] = port.PoolOf >= 0 ? pools[port.PoolOf] : NewPool(i, fresh);

            // Without XDP_RING_NEED_WAKEUP in its rings' flags a port never calls its socket.
            Ports[i] = new XskPort(
                i, null!, pools[i], memory.Consumer<xdp_desc>(i, XdpRing.Rx), memory.Producer<xdp_desc>(i, XdpRing.Tx),
                memory.Counters(i), _readiness[i].Descriptor)
            {
                SegmentsMax = port.SegmentsMax,
                FrameBytesMax = port.FrameBytesMax,
            };
        }

        Worker = new Worker(
            0, 0, TimeSpan.FromMicroseconds(10), State.Record(0), memory.WorkerCounters,
            (port, why) => Faults.Add((port, why)));
        if (start == LabStart.Recovered)
        {
            Recover();
        }

        Port[] polled = [.. Ports.Select(port => plan.Ports[port.Slot].Guest
            ? new LabGuest(port, State.Record(0), port.Umem)
            : (Port)port)];
        for (int i = 0; i < polled.Length; i++)
        {
            polled[i].Peer = plan.Ports[i].Peer >= 0 ? polled[plan.Ports[i].Peer] : null;
            Worker.Attach(polled[i]);
        }

        if (plan.Spreads)
        {
            Spread(polled[0]);
        }
    }

    internal LabMemory Memory { get; }

    internal StateFile State { get; }

    internal Umem[] Umems { get; }

    internal XskPort[] Ports { get; }

    internal Worker Worker { get; }

    /// <summary>Ports that the worker took out.</summary>
    internal List<(Port Port, string Why)> Faults { get; } = [];

    /// <summary>Takes over what the life before left.</summary>
    internal void Recover() => PortRecovery.Run(
        State, Ports.ToDictionary(port => port.Slot), Umems, Memory.Counters);

    /// <summary>What a signal on the port's socket would be.</summary>
    internal void Signal(int port) => _readiness[port].Signal();

    internal void Drain(int port) => _readiness[port].TryDrain();

    /// <summary>Counts the chunks of every UMEM.</summary>
    /// <returns>What does not add up; empty when everything does.</returns>
    internal string Audit()
    {
        foreach (Umem umem in Umems)
        {
            LedgerAudit.Result result = LedgerAudit.Run(umem, [.. Ports.Where(port => port.Umem == umem)]);
            ulong sum = result.Free + result.Fill + result.Rx + result.Worker + result.Tx + result.Completion
                + result.Releasing;
            ulong handedOver = Ports.Where(port => port.Umem == umem)
                .Aggregate(0UL, (sum, port) => sum + port.Rings.HandedOver);
            if (result.Fault.Length != 0 || sum != umem.ChunkCount || result.Releasing != 0
                || result.Worker != handedOver)
            {
                return $"{result}, {sum} of {umem.ChunkCount} chunks, {handedOver} frames handed over";
            }

            XskPool[] pools = [.. Ports.Where(port => port.Umem == umem).Select(port => port.Pool).Distinct()];
            long fill = pools.Sum(pool => pool.FillHeld);
            long tx = pools.Sum(pool => pool.TxHeld);
            if ((ulong)fill != result.Fill + result.Rx || (ulong)tx != result.Tx + result.Completion
                || umem.FillHeld != fill || umem.TxHeld != tx)
            {
                return $"pools hold {fill} and {tx} (UMEM {umem.FillHeld} and {umem.TxHeld}), the ledger says {result}";
            }
        }

        return "";
    }

    public void Dispose()
    {
        Worker.Dispose();
        _crossing.ForEach(part => part.Dispose());
        foreach (Umem umem in Umems)
        {
            umem.Dispose();
            umem.Files.Dispose();
        }

        State.Dispose();
        foreach (EventFd readiness in _readiness)
        {
            readiness.Dispose();
        }
    }

    // The entry is of the same worker: one thread, whose every store can be looked at, does all of it.
    private void Spread(Port source)
    {
        var homes = new CrossingHomes();
        CrossingHome home = Worker.OpenHome(homes, new FrameRecords(count: 256, blocks: 1));
        var entry = new CrossingOut(new HandoverRing(16), homes)
        {
            Default = new CrossingOut.Onward(source.Peer),
        };
        var way = new CrossingIn(source, new CrossingSelector.Fixed(0), 1);
        way.SetLane(0, entry.Ring);
        home.Register(way);
        Worker.Attach(entry);
        Worker.Attach(way);
        source.Peer = way;
        _crossing.AddRange([home, entry, way]);
    }

    private XskPool NewPool(int port, bool fresh)
    {
        Umem umem = Umems[Memory.Plan.Ports[port].Umem];

        // PortRecovery counts the pools that it finds; a first life counts them as it makes them.
        umem.PoolCount += fresh ? 1u : 0;
        return new XskPool(
            port, umem, Memory.Producer<ulong>(port, XdpRing.Fill), Memory.Consumer<ulong>(port, XdpRing.Completion));
    }
}
