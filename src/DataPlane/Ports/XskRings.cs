using Nf.Linux;
using Nf.SharedMemory.Rings;

namespace Nf.DataPlane.Ports;

/// <summary>The mapped rings of one AF_XDP socket.</summary>
/// <remarks>
/// A mapping holds a reference on the socket: the queue is not free before <see cref="Dispose"/>, whatever is closed.
/// </remarks>
internal sealed unsafe class XskRings : IDisposable
{
    private readonly List<MappedMemory> _mappings = [];
    private readonly AfXdpSocket _socket;
    private readonly xdp_mmap_offsets _offsets;

    internal XskRings(AfXdpSocket socket)
    {
        _socket = socket;

        // Never assumed: the offsets depend on the kernel's cache line size.
        _offsets = socket.GetMmapOffsets();
    }

    internal ConsumerRing<xdp_desc> Rx(RingSize size)
    {
        byte* ring = Map(XdpRing.Rx, size);
        return new ConsumerRing<xdp_desc>(
            Index(ring, _offsets.rx.producer), Index(ring, _offsets.rx.consumer), Index(ring, _offsets.rx.flags),
            (xdp_desc*)(ring + _offsets.rx.desc), size);
    }

    internal ProducerRing<xdp_desc> Tx(RingSize size)
    {
        byte* ring = Map(XdpRing.Tx, size);
        return new ProducerRing<xdp_desc>(
            Index(ring, _offsets.tx.producer), Index(ring, _offsets.tx.consumer), Index(ring, _offsets.tx.flags),
            (xdp_desc*)(ring + _offsets.tx.desc), size);
    }

    internal ProducerRing<ulong> Fill(RingSize size)
    {
        byte* ring = Map(XdpRing.Fill, size);
        return new ProducerRing<ulong>(
            Index(ring, _offsets.fr.producer), Index(ring, _offsets.fr.consumer), Index(ring, _offsets.fr.flags),
            (ulong*)(ring + _offsets.fr.desc), size);
    }

    internal ConsumerRing<ulong> Completion(RingSize size)
    {
        byte* ring = Map(XdpRing.Completion, size);
        return new ConsumerRing<ulong>(
            Index(ring, _offsets.cr.producer), Index(ring, _offsets.cr.consumer), Index(ring, _offsets.cr.flags),
            (ulong*)(ring + _offsets.cr.desc), size);
    }

    /// <summary>The other ends of all rings, for whoever plays the kernel on a socket that is never bound.</summary>
    internal (ProducerRing<xdp_desc> Rx, ProducerRing<ulong> Completion,
        ConsumerRing<ulong> Fill, ConsumerRing<xdp_desc> Tx) KernelEnds(RingSize size)
    {
        byte* rx = Map(XdpRing.Rx, size);
        byte* tx = Map(XdpRing.Tx, size);
        byte* fill = Map(XdpRing.Fill, size);
        byte* completion = Map(XdpRing.Completion, size);
        return (
            new ProducerRing<xdp_desc>(
                Index(rx, _offsets.rx.producer), Index(rx, _offsets.rx.consumer), Index(rx, _offsets.rx.flags),
                (xdp_desc*)(rx + _offsets.rx.desc), size),
            new ProducerRing<ulong>(
                Index(completion, _offsets.cr.producer), Index(completion, _offsets.cr.consumer),
                Index(completion, _offsets.cr.flags), (ulong*)(completion + _offsets.cr.desc), size),
            new ConsumerRing<ulong>(
                Index(fill, _offsets.fr.producer), Index(fill, _offsets.fr.consumer), Index(fill, _offsets.fr.flags),
                (ulong*)(fill + _offsets.fr.desc), size),
            new ConsumerRing<xdp_desc>(
                Index(tx, _offsets.tx.producer), Index(tx, _offsets.tx.consumer), Index(tx, _offsets.tx.flags),
                (xdp_desc*)(tx + _offsets.tx.desc), size));
    }

    /// <summary>Keeps the mappings of another socket for as long as its own.</summary>
    internal void TakeOver(XskRings other)
    {
        _mappings.AddRange(other._mappings);
        other._mappings.Clear();
    }

    public void Dispose()
    {
        foreach (MappedMemory mapping in _mappings)
        {
            mapping.Dispose();
        }

        _mappings.Clear();
    }

    // SAFETY: the kernel gave the offset for this mapping, which covers desc + size slots; MapRing maps no less.
    private static uint* Index(byte* ring, ulong offset) => (uint*)(ring + offset);

    private byte* Map(XdpRing ring, RingSize size)
    {
        MappedMemory mapping = _socket.MapRing(ring, _offsets, size.Value);
        _mappings.Add(mapping);
        return mapping.Address;
    }
}
