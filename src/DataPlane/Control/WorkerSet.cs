using System.Runtime.CompilerServices;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Ports;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Control;

/// <summary>
/// The workers: one per CPU of the list, where UMEMs and devices are placed, and one for each other CPU that an entry
/// of a cpumap has been set for, which has nothing but such entries.
/// </summary>
internal sealed unsafe class WorkerSet : IDisposable
{
    private readonly TimeSpan _spin;
    private readonly SegmentWriter _segment;
    private readonly StateFile _state;
    private readonly Action<Port, string> _onFault;
    private readonly int _listed;
    private Worker[] _workers;
    private bool _started;

    internal WorkerSet(
        IReadOnlyList<int> cpus, TimeSpan spin, SegmentWriter segment, StateFile state, Action<Port, string> onFault)
    {
        _spin = spin;
        _segment = segment;
        _state = state;
        _onFault = onFault;
        _listed = cpus.Count;
        _workers = [.. cpus.Select((cpu, slot) => Make(slot, cpu))];
    }

    /// <summary>The ways between them.</summary>
    internal CrossingMesh Mesh { get; } = new();

    /// <summary>CPUs of the workers that UMEMs and devices are placed on, by slot.</summary>
    internal IEnumerable<uint> Cpus => Listed.Select(worker => (uint)worker.Cpu);

    private IEnumerable<Worker> Listed => _workers.Take(_listed);

    internal void Start()
    {
        _started = true;
        foreach (Worker worker in _workers)
        {
            worker.Start();
        }
    }

    /// <summary>The worker for a new UMEM: that of the CPU asked for, else the one with the fewest ports.</summary>
    /// <exception cref="CommandFaultException">No worker runs on that CPU.</exception>
    internal Worker Place(uint? cpu)
    {
        if (cpu is not { } wanted)
        {
            return Listed.MinBy(worker => worker.PortCount)!;
        }

        return Listed.FirstOrDefault(worker => worker.Cpu == wanted) ?? throw new CommandFaultException(
            "WORKER_CPU_UNKNOWN",
            $"worker_cpu {wanted}: no worker runs there; workers run on CPU {string.Join(", ", Cpus)}",
            Errno.EINVAL);
    }

    /// <summary>The worker of a slot that an earlier life, perhaps with more workers, wrote down.</summary>
    internal Worker OfSlot(uint slot) => _workers[slot % _listed];

    /// <summary>The worker of a CPU; one is started there when there is none.</summary>
    /// <exception cref="CommandFaultException">LIMIT_REACHED.</exception>
    internal Worker On(int cpu)
    {
        if (_workers.FirstOrDefault(worker => worker.Cpu == cpu) is { } present)
        {
            return present;
        }

        if (_workers.Length == SegmentLayout.WorkerCountMax)
        {
            throw new CommandFaultException(
                "LIMIT_REACHED", $"there are {SegmentLayout.WorkerCountMax} workers already, the most", Errno.ENOBUFS);
        }

        Worker worker = Make(_workers.Length, cpu);

        // Another thread looks at the workers too: it sees the old array or the whole new one.
        Volatile.Write(ref _workers, [.. _workers, worker]);
        if (_started)
        {
            worker.Start();
        }

        return worker;
    }

    /// <summary>Tells whether every worker has come round lately: a worker that hangs answers no action.</summary>
    internal bool AllAlive(long nowNs, long limitNs) =>
        Volatile.Read(ref _workers).All(worker => worker.IsAlive(nowNs, limitNs));

    public void Dispose()
    {
        foreach (Worker worker in _workers)
        {
            worker.Dispose();
        }

        Mesh.Dispose();
    }

    private Worker Make(int slot, int cpu)
    {
        ref WorkerSlot line = ref _segment.Worker(slot);
        line.Identity.Cpu = (uint)cpu;
        line.Identity.InUse = 1;

        // SAFETY: the segment is mapped memory, which does not move, and outlives the workers.
        var counters = (WorkerCounters*)Unsafe.AsPointer(ref line.Counters);
        return new Worker(slot, cpu, _spin, _state.Record(slot), counters, _onFault);
    }
}
