using Nf.Linux;
using Nf.SharedMemory.Rings;
using static Nf.Linux.IfXdp;

namespace Nf.DataPlane.Lab;

/// <summary>Plays the kernel on a lab's rings: receives frames into posted chunks, sends what is in TX rings.</summary>
/// <remarks>Knows nothing of the life's memory but what the kernel knows: rings and packets.</remarks>
internal sealed unsafe class LabKernel : IDisposable
{
    private readonly LabMemory _memory;
    private readonly MappedMemory[] _packets;
    private readonly ConsumerRing<ulong>[] _fill;
    private readonly ProducerRing<ulong>[] _completion;
    private readonly ProducerRing<xdp_desc>[] _rx;
    private readonly ConsumerRing<xdp_desc>[] _tx;
    private readonly Queue<ulong>[] _inFlight;
    private readonly List<byte>[] _unfinished; // frames of which the first chunks were sent

    internal LabKernel(LabMemory memory)
    {
        _memory = memory;
        LabPlan plan = memory.Plan;
        _packets =
        [
            .. plan.Umems.Select((umem, i) =>
            {
                using FileDescriptor file = FileDescriptor.Open(Path.Combine(memory.Folder, $"packets{i}"), 2);
                return MappedMemory.Map(file, 0, (long)umem.Chunks * umem.ChunkSize, MapAccess.ReadWrite);
            }),
        ];
        int[] ports = [.. Enumerable.Range(0, plan.Ports.Length)];
        _fill = [.. ports.Select(i => memory.Consumer<ulong>(i, XdpRing.Fill))];
        _completion = [.. ports.Select(i => memory.Producer<ulong>(i, XdpRing.Completion))];
        _rx = [.. ports.Select(i => memory.Producer<xdp_desc>(i, XdpRing.Rx))];
        _tx = [.. ports.Select(i => memory.Consumer<xdp_desc>(i, XdpRing.Tx))];
        _inFlight = [.. ports.Select(_ => new Queue<ulong>())];
        _unfinished = [.. ports.Select(_ => new List<byte>())];
    }

    /// <summary>Frames that are sent and not yet completed, on all ports.</summary>
    internal int InFlight => _inFlight.Sum(queue => queue.Count);

    /// <summary>Chunks posted to the fill ring of a port.</summary>
    internal uint Posted(int port) => _fill[PoolOf(port)].Level;

    /// <summary>Receives a frame, over several chunks when one is too small and the port takes that.</summary>
    /// <returns>False when there was no chunk or no room: the kernel drops it.</returns>
    internal bool Receive(int port, ReadOnlySpan<byte> frame)
    {
        LabUmem umem = _memory.Plan.Umems[_memory.Plan.Ports[port].Umem];
        uint room = umem.ChunkSize - umem.Headroom - XDP_PACKET_HEADROOM;
        uint segments = Math.Max(1, ((uint)frame.Length + room - 1) / room);
        ref ConsumerRing<ulong> fill = ref _fill[PoolOf(port)];
        if (segments > _memory.Plan.Ports[port].SegmentsMax || fill.Level < segments
            || _rx[port].Free(segments) < segments)
        {
            return false;
        }

        for (uint i = 0; i < segments; i++)
        {
            // An entry at a time: one look at the ring need not show all that the other side has written since.
            fill.Peek(1, out uint taken);
            ReadOnlySpan<byte> part = frame[(int)(i * room)..Math.Min(frame.Length, (int)((i + 1) * room))];
            Put(port, fill[taken], umem, part, i + 1 < segments ? XDP_PKT_CONTD : 0);
        }

        fill.Release();
        _rx[port].Submit();
        return true;
    }

    /// <summary>Writes any descriptor into the RX ring: a kernel that lies.</summary>
    internal void Lie(int port, xdp_desc descriptor)
    {
        _rx[port].TryReserve(1, out uint slot);
        _rx[port][slot] = descriptor;
        _rx[port].Submit();
    }

    /// <summary>Writes any address into the completion ring.</summary>
    internal void LieComplete(int port, ulong address)
    {
        ref ProducerRing<ulong> completion = ref _completion[PoolOf(port)];
        if (completion.TryReserve(1, out uint slot))
        {
            completion[slot] = address;
            completion.Submit();
        }
    }

    /// <summary>Takes one posted chunk without receiving into it.</summary>
    internal ulong TakeFill(int port)
    {
        ref ConsumerRing<ulong> fill = ref _fill[PoolOf(port)];
        fill.Peek(1, out uint taken);
        ulong address = fill[taken];
        fill.Release();
        return address;
    }

    /// <summary>Sends up to so many descriptors of a TX ring; frames are appended to <paramref name="sent"/>.</summary>
    internal uint Send(int port, List<byte[]> sent, uint limit = uint.MaxValue)
    {
        uint count = 0;
        List<byte> frame = _unfinished[port];
        while (count < limit && _tx[port].Peek(1, out uint at) != 0)
        {
            xdp_desc descriptor = _tx[port][at];
            frame.AddRange(Bytes(_memory.Plan.Ports[port].Umem, descriptor));
            _inFlight[port].Enqueue(descriptor.addr);
            if ((descriptor.options & XDP_PKT_CONTD) == 0)
            {
                sent.Add([.. frame]);
                frame.Clear();
            }

            count++;
        }

        _tx[port].Release();
        return count;
    }

    /// <summary>Completes up to so many of the descriptors sent.</summary>
    internal void Complete(int port, int limit = int.MaxValue)
    {
        ref ProducerRing<ulong> completion = ref _completion[PoolOf(port)];
        for (int i = 0; i < limit && _inFlight[port].Count != 0 && completion.TryReserve(1, out uint slot); i++)
        {
            completion[slot] = _inFlight[port].Dequeue();
        }

        completion.Submit();
    }

    public void Dispose()
    {
        foreach (MappedMemory packets in _packets)
        {
            packets.Dispose();
        }
    }

    private int PoolOf(int port) => _memory.Plan.Ports[port].PoolOf is var pool and >= 0 ? pool : port;

    private void Put(int port, ulong posted, LabUmem umem, ReadOnlySpan<byte> part, uint options)
    {
        ulong offset = umem.Headroom + XDP_PACKET_HEADROOM;
        ulong address = umem.Unaligned ? posted | (offset << 48) : (posted & ~((ulong)umem.ChunkSize - 1)) + offset;
        part.CopyTo(_packets[_memory.Plan.Ports[port].Umem].AsSpan((long)(posted + offset), part.Length));
        _rx[port].TryReserve(1, out uint slot);
        _rx[port][slot] = new xdp_desc { addr = address, len = (uint)part.Length, options = options };
    }

    private Span<byte> Bytes(int umem, xdp_desc descriptor)
    {
        ulong offset = _memory.Plan.Umems[umem].Unaligned
            ? (descriptor.addr & ((1UL << 48) - 1)) + (descriptor.addr >> 48)
            : descriptor.addr;
        return _packets[umem].AsSpan((long)offset, (int)descriptor.len);
    }
}
