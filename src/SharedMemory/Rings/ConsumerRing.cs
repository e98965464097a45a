using System.Runtime.CompilerServices;

namespace Nf.SharedMemory.Rings;

/// <summary>
/// Our end of a single-consumer ring whose other end is the kernel or another process: peek at entries, use them,
/// release them. The mirror image of <see cref="ProducerRing{T}"/>, with the same rules of ownership.
/// </summary>
/// <typeparam name="T">An entry: <c>xdp_desc</c> for RX, <c>ulong</c> for completion.</typeparam>
public unsafe struct ConsumerRing<T>
    where T : unmanaged
{
    // SAFETY: the maker of the ring passes pointers into a mapping that outlives it, aligned, with size slots; all
    // steps below go through these fields and stay inside of it.
    private readonly uint* _producer; // shared; theirs to write
    private readonly uint* _consumer; // shared; ours to write
    private readonly uint* _flags; // shared; theirs to write
    private readonly T* _slots;
    private readonly uint _size;
    private uint _peeked; // private: how far we have looked
    private uint _produced; // private: the last producer index we saw

    /// <param name="producer">The shared producer index.</param>
    /// <param name="consumer">The shared consumer index.</param>
    /// <param name="flags">The shared flags word.</param>
    /// <param name="slots">The first slot.</param>
    /// <param name="size">Number of slots.</param>
    /// <exception cref="RingCorruptedException">The indexes found cannot be true.</exception>
    public ConsumerRing(uint* producer, uint* consumer, uint* flags, T* slots, RingSize size)
    {
        ArgumentOutOfRangeException.ThrowIfZero(size.Value, nameof(size));
        _producer = producer;
        _consumer = consumer;
        _flags = flags;
        _slots = slots;
        _size = size.Value;

        // A ring that an earlier life of this process worked on does not start at zero.
        // SAFETY: the caller vouches for the pointer, see the fields.
        _peeked = Volatile.Read(ref *consumer);
        _produced = _peeked;
        RefreshProduced();
    }

    /// <summary>Number of slots.</summary>
    public readonly uint Size => _size;

    /// <summary>Index up to which entries were peeked at.</summary>
    public readonly uint Peeked => _peeked;

    /// <summary>Index up to which entries were released, as the other side sees it.</summary>
    public readonly uint Released => Volatile.Read(ref *_consumer);

    /// <summary>Entries produced and not yet released, read anew.</summary>
    public readonly uint Level => Volatile.Read(ref *_producer) - Volatile.Read(ref *_consumer);

    /// <summary>The slots, for a loop over many.</summary>
    public readonly RingSlots<T> Slots => new(_slots, _size);

    /// <summary>The entry at a peeked index. Copy it out: the other side owns the slot again after a release.</summary>
    public readonly ref readonly T this[uint index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            // SAFETY: the mask keeps the index below _size, and the mapping holds _size slots (checked when it was
            // made).
            return ref _slots[index & (_size - 1)];
        }
    }

    /// <summary>
    /// Takes up to <paramref name="limit"/> entries; their slots stay ours until <see cref="Release"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Peek(uint limit, out uint index)
    {
        if (_produced == _peeked)
        {
            RefreshProduced();
        }

        index = _peeked;
        uint count = Math.Min(limit, _produced - _peeked);
        _peeked += count;
        return count;
    }

    /// <summary>Tells, without taking anything, whether entries wait; reads the shared index anew.</summary>
    public readonly bool HasEntries => Volatile.Read(ref *_producer) != _peeked;

    /// <summary>
    /// Gives back entries that were peeked at and not used, the last ones first; they are peeked at again.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Unpeek(uint count) => _peeked -= count;

    /// <summary>Gives every peeked slot back to the other side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Release()
    {
        // Release: our reads of the slots are over before the other side may overwrite them.
        Volatile.Write(ref *_consumer, _peeked);
    }

    private void RefreshProduced()
    {
        // Acquire: the entries below this index, and the packets they name, are visible after it.
        uint produced = Volatile.Read(ref *_producer);

        // The other side wrote this number. Use it only if it can be true.
        if (produced - _peeked > _size)
        {
            RingCorruptedException.Throw(_peeked, produced, _size);
        }

        _produced = produced;
    }
}
