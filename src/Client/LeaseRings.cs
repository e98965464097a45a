using Nf.Linux;
using Nf.SharedMemory.Broker;
using Nf.SharedMemory.Rings;

namespace Nf.Client;

/// <summary>The mapped rings of a leased socket.</summary>
internal sealed unsafe class LeaseRings : IDisposable
{
    private readonly List<MappedMemory> _mappings = [];

    internal LeaseRings(AfXdpSocket socket, in LeaseAnswer lease)
    {
        try
        {
            // The kernel's own word, as a client without a broker would ask for it.
            xdp_mmap_offsets offsets = socket.GetMmapOffsets();
            byte* rx = Map(socket, XdpRing.Rx, offsets, lease.RxEntries);
            byte* tx = Map(socket, XdpRing.Tx, offsets, lease.TxEntries);
            byte* fill = Map(socket, XdpRing.Fill, offsets, lease.FillEntries);
            byte* done = Map(socket, XdpRing.Completion, offsets, lease.CompletionEntries);
            Rx = new ConsumerRing<xdp_desc>(
                Word(rx, offsets.rx.producer), Word(rx, offsets.rx.consumer), Word(rx, offsets.rx.flags),
                (xdp_desc*)(rx + offsets.rx.desc), new RingSize(lease.RxEntries));
            Tx = new ProducerRing<xdp_desc>(
                Word(tx, offsets.tx.producer), Word(tx, offsets.tx.consumer), Word(tx, offsets.tx.flags),
                (xdp_desc*)(tx + offsets.tx.desc), new RingSize(lease.TxEntries));
            Fill = new ProducerRing<ulong>(
                Word(fill, offsets.fr.producer), Word(fill, offsets.fr.consumer), Word(fill, offsets.fr.flags),
                (ulong*)(fill + offsets.fr.desc), new RingSize(lease.FillEntries));
            Completion = new ConsumerRing<ulong>(
                Word(done, offsets.cr.producer), Word(done, offsets.cr.consumer), Word(done, offsets.cr.flags),
                (ulong*)(done + offsets.cr.desc), new RingSize(lease.CompletionEntries));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    // Fields: a copy of a ring has its own idea of how far it is filled.
    internal ConsumerRing<xdp_desc> Rx;
    internal ProducerRing<xdp_desc> Tx;
    internal ProducerRing<ulong> Fill;
    internal ConsumerRing<ulong> Completion;

    public void Dispose()
    {
        foreach (MappedMemory mapping in _mappings)
        {
            mapping.Dispose();
        }

        _mappings.Clear();
    }

    // SAFETY: the kernel gave the offset for this mapping, which covers desc + entries; MapRing maps no less.
    private static uint* Word(byte* ring, ulong offset) => (uint*)(ring + offset);

    private byte* Map(AfXdpSocket socket, XdpRing ring, in xdp_mmap_offsets offsets, uint entries)
    {
        MappedMemory mapping = socket.MapRing(ring, offsets, entries);
        _mappings.Add(mapping);
        return mapping.Address;
    }
}
