using System.Runtime.CompilerServices;

namespace Nf.SharedMemory.Rings;

/// <summary>
/// Our end of a single-producer ring whose other end is the kernel or another process: reserve slots, write them,
/// submit them. The layout is that of AF_XDP (net/xdp/xsk_queue.h): free-running 32-bit indexes, a power of two of
/// slots.
/// </summary>
/// <remarks>
/// One owner, one thread. Keep it in a non-readonly field and never copy it: a copy has its own idea of how far the
/// ring is filled, and a readonly field makes such a copy on every call.
/// </remarks>
/// <typeparam name="T">A slot: <c>ulong</c> for fill, <c>xdp_desc</c> for TX.</typeparam>
public unsafe struct ProducerRing<T>
    where T : unmanaged
{
    // SAFETY: the maker of the ring passes pointers into a mapping that outlives it, aligned, with size slots; all
    // steps below go through these fields and stay inside of it.
    private readonly uint* _producer; // shared; ours to write
    private readonly uint* _consumer; // shared; theirs to write
    private readonly uint* _flags; // shared; theirs to write
    private readonly T* _slots;
    private readonly uint _size;
    private uint _reserved; // private: how far we have claimed
    private uint _consumed; // private: the last consumer index we saw

    /// <param name="producer">The shared producer index.</param>
    /// <param name="consumer">The shared consumer index.</param>
    /// <param name="flags">The shared flags word (XDP_RING_NEED_WAKEUP).</param>
    /// <param name="slots">The first slot.</param>
    /// <param name="size">Number of slots.</param>
    /// <exception cref="RingCorruptedException">The indexes found cannot be true.</exception>
    public ProducerRing(uint* producer, uint* consumer, uint* flags, T* slots, RingSize size)
    {
        // SAFETY: the caller vouches for the pointers, see the fields.
        // RingSize cannot hold a bad value, but its default is zero.
        ArgumentOutOfRangeException.ThrowIfZero(size.Value, nameof(size));
        _producer = producer;
        _consumer = consumer;
        _flags = flags;
        _slots = slots;
        _size = size.Value;

        // A ring that an earlier life of this process worked on does not start at zero.
        _reserved = Volatile.Read(ref *producer);
        _consumed = _reserved;
        RefreshConsumed();
    }

    /// <summary>Number of slots.</summary>
    public readonly uint Size => _size;

    /// <summary>Index of the next slot to reserve.</summary>
    public readonly uint Reserved => _reserved;

    /// <summary>Index up to which slots were submitted, as the other side sees it.</summary>
    public readonly uint Submitted => Volatile.Read(ref *_producer);

    /// <summary>Index up to which the other side has consumed, read anew.</summary>
    public readonly uint Consumed => Volatile.Read(ref *_consumer);

    /// <summary>Entries submitted and not yet consumed, read anew.</summary>
    public readonly uint Level => Volatile.Read(ref *_producer) - Volatile.Read(ref *_consumer);

    /// <summary>The slots, for a loop over many.</summary>
    public readonly RingSlots<T> Slots => new(_slots, _size);

    /// <summary>The slot at a reserved index. Indexes run freely and wrap; the mask folds them onto the ring.</summary>
    public readonly ref T this[uint index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            // SAFETY: the mask keeps the index below _size, and the mapping holds _size slots (checked when it was
            // made).
            return ref _slots[index & (_size - 1)];
        }
    }

    /// <summary>How many slots could be reserved, up to <paramref name="wanted"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Free(uint wanted)
    {
        // The private copy of the consumer index decides nearly always; only a full-looking ring costs a read of the
        // line the other side writes.
        uint free = _size - (_reserved - _consumed);
        if (free < wanted)
        {
            RefreshConsumed();
            free = _size - (_reserved - _consumed);
        }

        return Math.Min(free, wanted);
    }

    /// <summary>Claims <paramref name="count"/> slots, or none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReserve(uint count, out uint index)
    {
        index = _reserved;
        if (Free(count) < count)
        {
            return false;
        }

        _reserved += count;
        return true;
    }

    /// <summary>Gives back reserved slots that were not submitted, the last ones first.</summary>
    public void Unreserve(uint count) => _reserved -= count;

    /// <summary>Hands every reserved slot to the other side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Submit()
    {
        // Release: whoever sees this index must also see what we wrote into the slots below it.
        Volatile.Write(ref *_producer, _reserved);
    }

    /// <summary>Tells whether the other side sleeps and wants a system call (XDP_RING_NEED_WAKEUP).</summary>
    public readonly bool NeedsWakeup
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            // Full fence: the flag must be read after the producer index is visible, else both sides may go to sleep.
            Interlocked.MemoryBarrier();
            return (Volatile.Read(ref *_flags) & 1) != 0;
        }
    }

    private void RefreshConsumed()
    {
        // Acquire: slots below this index are ours again, so our writes to them must not start earlier.
        uint consumed = Volatile.Read(ref *_consumer);

        // The other side wrote this number. Use it only if it can be true.
        if (_reserved - consumed > _size)
        {
            RingCorruptedException.Throw(_reserved, consumed, _size);
        }

        _consumed = consumed;
    }
}
