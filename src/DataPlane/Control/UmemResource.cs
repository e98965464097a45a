using Nf.DataPlane.Memory;
using Nf.DataPlane.Ports;
using Nf.Linux;
using Nf.V1;
using Umem = Nf.DataPlane.Memory.Umem;

namespace Nf.DataPlane.Control;

/// <summary>A UMEM as the control thread knows it.</summary>
internal sealed class UmemResource(V1.Umem asked, int slot, Worker worker, UmemFiles files, Umem memory) : IPortGroup
{
    private bool _mapped = true;

    internal string Name { get; } = asked.Name;

    /// <summary>Name, spec and labels as they were asked for.</summary>
    internal V1.Umem Asked { get; } = asked;

    internal int Slot { get; } = slot;

    public Worker Worker { get; set; } = worker;

    public uint? WorkerCpuAsked => Asked.Spec.HasWorkerCpu ? Asked.Spec.WorkerCpu : null;

    internal UmemFiles Files { get; } = files;

    /// <summary>The memory as the worker sees it; not to be used once <see cref="Unmap"/> was called.</summary>
    internal Umem Memory { get; } = memory;

    /// <summary>Sockets on it, those still being released included.</summary>
    internal List<XskResource> Sockets { get; } = [];

    internal UmemState State { get; set; } = UmemState.Ready;

    /// <summary>Wild completions that an event has told of.</summary>
    internal ulong WildCompletionsTold { get; set; }

    /// <summary>Ports of its bound sockets.</summary>
    internal IReadOnlyCollection<XskPort> XskPorts =>
        [.. Sockets.Where(socket => socket.IsBound).Select(socket => socket.Port!)];

    IReadOnlyCollection<Port> IPortGroup.Ports => XskPorts;

    /// <summary>Unmaps the memory: from now on only the kernel may still use it.</summary>
    internal void Unmap()
    {
        if (!_mapped)
        {
            return;
        }

        Memory.Dispose();
        _mapped = false;
    }

    /// <summary>Describes it, without the ledger.</summary>
    internal V1.Umem Describe()
    {
        V1.Umem umem = Asked.Clone();
        umem.Status = new UmemStatus
        {
            State = State,
            ChunkCount = Memory.ChunkCount,
            MappedBytes = (ulong)Files.PacketBytes(Memory.Geometry),
            PageSize = ToProto(Files.PageSize),
            PageSizeReason = Files.PageSizeReason,
            WorkerCpu = (uint)Worker.Cpu,
            SegmentSlot = (uint)Slot,
            Locked = _mapped && Memory.Locked,
            LockReason = Files.LockReason,
        };
        umem.Status.XskSockets.AddRange(Sockets.Select(socket => socket.Name).Order(StringComparer.Ordinal));
        return umem;
    }

    /// <summary>Counts its chunks, on its worker.</summary>
    internal ChunkLedger Audit()
    {
        if (!_mapped)
        {
            return new ChunkLedger { Releasing = Memory.ChunkCount, Closed = true };
        }

        LedgerAudit.Result result = default;
        IReadOnlyCollection<XskPort> ports = XskPorts;
        Worker.Invoke(() => result = LedgerAudit.Run(Memory, ports));
        ulong sum = result.Free + result.Fill + result.Rx + result.Worker + result.Tx + result.Completion
            + result.Releasing;
        string fault = result.Fault.Length != 0 || sum == Memory.ChunkCount
            ? result.Fault
            : $"{sum} chunks were found, there are {Memory.ChunkCount}";
        return new ChunkLedger
        {
            Free = result.Free,
            Fill = result.Fill,
            Rx = result.Rx,
            Worker = result.Worker,
            Tx = result.Tx,
            Completion = result.Completion,
            Releasing = result.Releasing,
            Closed = fault.Length == 0,
            Fault = fault,
            WildCompletions = Memory.WildCompletions,
        };
    }

    private static PageSize ToProto(HugePageSize size) => size switch
    {
        HugePageSize.Size2MiB => PageSize._2Mib,
        HugePageSize.Size1GiB => PageSize._1Gib,
        _ => PageSize._4Kib,
    };
}
