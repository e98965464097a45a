namespace Nf.DataPlane.Vhost.Memory;

/// <summary>A buffer of a packed ring that an earlier back-end left in hand.</summary>
/// <param name="Entry">What <see cref="PackedInflightQueue.Finish"/> wants when it is done.</param>
/// <param name="Descriptors">Its descriptors as they stood in the ring; they may have been overwritten there since.
/// As little to be trusted as the ring.</param>
internal readonly record struct InflightChain(ushort Entry, InflightDescriptor[] Descriptors);

/// <summary>Where a packed ring goes on.</summary>
/// <param name="UsedPosition">Position of the next used descriptor; below the ring size.</param>
/// <param name="UsedWrap">Wrap counter there.</param>
/// <param name="Chains">Buffers to do again, in the order in which they were taken. The next available descriptor is
/// as many positions ahead as they have descriptors.</param>
internal sealed record PackedRecovery(ushort UsedPosition, bool UsedWrap, IReadOnlyList<InflightChain> Chains);

/// <summary>Buffers in hand of a packed ring, with copies of their descriptors.</summary>
/// <remarks>
/// Use: <see cref="Recover"/> once, when the ring starts. <see cref="Fetch"/> with every buffer taken. To give back a
/// batch: <see cref="Finish"/> with each buffer, then write the flags of the used descriptors, those of the first last,
/// then <see cref="Commit"/>; nothing is fetched in between. The process may die between any two stores: buffers of a
/// batch are done again exactly when the flags of its first descriptor were not written.
/// <para>
/// Entries that are not in hand form a list. Fields called Old say where that list and the used position were before
/// the batch or the buffer that is being worked on.
/// </para>
/// </remarks>
internal sealed unsafe partial class PackedInflightQueue : InflightQueue
{
    // SAFETY: the region vouches for QueueBytes(QueueSize) mapped bytes, aligned to 8, while this is in use. Every
    // entry that is touched has an index below QueueSize.
    private readonly InflightHeaderPacked* _header;
    private readonly InflightEntryPacked* _entries;

    // Our own copies of what the region says: nobody else can change them. Indexes, or QueueSize for "none".
    private readonly ushort[] _next;
    private readonly ushort[] _last;
    private readonly ushort[] _num;

    // Heads finished since the last commit.
    private readonly ushort[] _batch;
    private int _batchCount;
    private ushort _freeHead;
    private InflightUsed _used;
    private uint _ringSize;
    private ulong _counter;

    // SAFETY: see the fields.
    internal PackedInflightQueue(byte* part, uint queueSize)
        : base(queueSize)
    {
        _header = (InflightHeaderPacked*)part;
        _entries = (InflightEntryPacked*)(part + sizeof(InflightHeaderPacked));
        _next = new ushort[queueSize];
        _last = new ushort[queueSize];
        _num = new ushort[queueSize];
        _batch = new ushort[queueSize];
    }

    /// <summary>Notes that a buffer was taken.</summary>
    /// <param name="chain">Its descriptors in the ring, as they were read; at least one.</param>
    /// <returns>Its entry.</returns>
    /// <exception cref="InvalidOperationException">A batch is open, or more descriptors are in hand than the ring
    /// has: an error of the caller.</exception>
    internal ushort Fetch(ReadOnlySpan<InflightDescriptor> chain)
    {
        if (_batchCount != 0 || chain.IsEmpty || _freeHead >= QueueSize)
        {
            throw new InvalidOperationException("a buffer cannot be taken now");
        }

        // SAFETY: the head of the free list was checked just now, as each further one is below.
        ushort head = _freeHead;
        ushort last = head;
        InflightEntryPacked* first = _entries + head;
        Volatile.Write(ref first->Num, 0);
        Volatile.Write(ref first->Counter, _counter++);
        Volatile.Write(ref first->Inflight, 1);
        for (int i = 0; i < chain.Length; i++)
        {
            if (_freeHead >= QueueSize)
            {
                throw new InvalidOperationException("more descriptors in hand than the ring has");
            }

            last = _freeHead;
            InflightEntryPacked* entry = _entries + last;
            entry->Address = chain[i].Address;
            entry->Length = chain[i].Length;
            entry->Flags = chain[i].Flags;
            entry->Id = chain[i].Id;
            _freeHead = _next[last];
            Volatile.Write(ref _header->FreeHead, _freeHead);
        }

        _last[head] = last;
        _num[head] = (ushort)chain.Length;
        Volatile.Write(ref first->Last, last);
        Volatile.Write(ref first->Num, (ushort)chain.Length);

        // In this order: until here the buffer's entries still belong to the old list, so it counts as not taken.
        Volatile.Write(ref _header->OldFreeHead, _freeHead);
        InHand++;
        return head;
    }

    /// <summary>Puts a buffer into the batch that is given back next.</summary>
    /// <param name="entry">What <see cref="Fetch"/> returned for it.</param>
    internal void Finish(ushort entry)
    {
        ushort last = _last[entry];
        _next[last] = _freeHead;
        Volatile.Write(ref _entries[last].Next, _freeHead);

        // In this order: the list behind the new head leads to all that was free before.
        _freeHead = entry;
        Volatile.Write(ref _header->FreeHead, entry);
        uint position = (uint)_used.Index + _num[entry];
        bool wraps = position >= _ringSize;
        _used = _used with
        {
            Index = (ushort)(wraps ? position - _ringSize : position),
            Wrap = _used.Wrap ^ wraps,
        };
        _batch[_batchCount++] = entry;

        // In this order: a used position that differs from the old one says that the list is complete.
        Volatile.Write(ref _header->Used, _used.Word);
    }

    /// <summary>Ends a batch: the flags of its used descriptors were written.</summary>
    internal void Commit()
    {
        for (int i = 0; i < _batchCount; i++)
        {
            Volatile.Write(ref _entries[_batch[i]].Inflight, 0);
        }

        // In this order: while the used position differs from the old one, the batch counts as not cleared.
        Volatile.Write(ref _header->OldFreeHead, _freeHead);
        _used = _used with { OldIndex = _used.Index, OldWrap = _used.Wrap };
        Volatile.Write(ref _header->Used, _used.Word);
        InHand -= _batchCount;
        _batchCount = 0;
    }

    private protected override void Clear() => Volatile.Write(ref _header->Version, 0);
}
