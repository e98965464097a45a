namespace Nf.Linux.Tests.Support;

/// <summary>One mapped ring, slow and simple: every index is read from the shared memory each time.</summary>
public sealed unsafe class TestRing<T> : IDisposable
    where T : unmanaged
{
    private readonly MappedMemory _memory;
    private readonly uint* _producer;
    private readonly uint* _consumer;
    private readonly uint* _flags;
    private readonly T* _slots;
    private readonly uint _size;

    public TestRing(AfXdpSocket socket, XdpRing ring, uint size)
    {
        xdp_mmap_offsets offsets = socket.GetMmapOffsets();
        xdp_ring_offset offset = ring switch
        {
            XdpRing.Fill => offsets.fr,
            XdpRing.Completion => offsets.cr,
            XdpRing.Rx => offsets.rx,
            _ => offsets.tx,
        };
        _memory = socket.MapRing(ring, offsets, size);
        _producer = (uint*)(_memory.Address + offset.producer);
        _consumer = (uint*)(_memory.Address + offset.consumer);
        _flags = (uint*)(_memory.Address + offset.flags);
        _slots = (T*)(_memory.Address + offset.desc);
        _size = size;
    }

    public uint Producer => Volatile.Read(ref *_producer);

    public uint Consumer => Volatile.Read(ref *_consumer);

    public uint Flags => Volatile.Read(ref *_flags);

    public uint Level => Producer - Consumer;

    /// <summary>The slot of an index, for changing an entry that is already submitted.</summary>
    public ref T Slot(uint index) => ref _slots[index & (_size - 1)];

    public void Produce(params ReadOnlySpan<T> entries)
    {
        Assert.True(Level + entries.Length <= _size, "test overfills the ring");
        uint producer = Producer;
        foreach (T entry in entries)
        {
            Slot(producer++) = entry;
        }

        // Release: the entries are visible before the index that announces them.
        Volatile.Write(ref *_producer, producer);
    }

    public List<T> Consume(int limit = int.MaxValue)
    {
        var entries = new List<T>();
        uint consumer = Consumer;
        for (uint end = Producer; consumer != end && entries.Count < limit; consumer++)
        {
            entries.Add(Slot(consumer));
        }

        // Release: the entries are read before their slots are given back.
        Volatile.Write(ref *_consumer, consumer);
        return entries;
    }

    public void Dispose() => _memory.Dispose();
}
