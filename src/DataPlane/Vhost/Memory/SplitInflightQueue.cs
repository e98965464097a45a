namespace Nf.DataPlane.Vhost.Memory;

/// <summary>Heads in hand of a split ring.</summary>
/// <remarks>
/// Use: <see cref="Recover"/> once, when the ring starts. <see cref="Fetch"/> with every head taken from the available
/// ring. To give back a batch: <see cref="Finish"/> with each of its heads, then publish the used index, then
/// <see cref="Commit"/>. The process may die between any two stores: heads of a batch are done again exactly when the
/// used index was not published.
/// </remarks>
internal sealed unsafe class SplitInflightQueue : InflightQueue
{
    // SAFETY: the region vouches for QueueBytes(QueueSize) mapped bytes, aligned to 8, while this is in use. Every
    // entry that is touched has an index below QueueSize.
    private readonly InflightHeaderSplit* _header;
    private readonly InflightEntrySplit* _entries;

    // Heads finished since the last commit, and where the next one is linked to.
    private readonly ushort[] _batch;
    private int _batchCount;
    private ushort _lastBatchHead;
    private ulong _counter;

    // SAFETY: see the fields.
    internal SplitInflightQueue(byte* part, uint queueSize)
        : base(queueSize)
    {
        _header = (InflightHeaderSplit*)part;
        _entries = (InflightEntrySplit*)(part + sizeof(InflightHeaderSplit));
        _batch = new ushort[queueSize];
    }

    /// <summary>Finds out what an earlier back-end left in hand, and readies the part for this one.</summary>
    /// <param name="usedIndex">The index in the used ring.</param>
    /// <param name="ringSize">Descriptors of the ring, at most <see cref="InflightQueue.QueueSize"/>.</param>
    /// <returns>Heads to do again, in the order in which they were taken; each below the ring size. The next head of
    /// the available ring is at usedIndex + their number.</returns>
    internal ushort[] Recover(ushort usedIndex, uint ringSize)
    {
        _batchCount = 0;
        _counter = 0;
        IsReady = true;
        InHand = 0;
        if (Volatile.Read(ref _header->Version) != InflightLayout.Version)
        {
            Initialise(usedIndex);
            return [];
        }

        ClearLastBatch(usedIndex);
        var found = new List<(ulong Counter, ushort Head)>();
        for (uint head = 0; head < QueueSize; head++)
        {
            if (Volatile.Read(ref _entries[head].Inflight) == 0)
            {
                continue;
            }

            if (head >= ringSize)
            {
                Volatile.Write(ref _entries[head].Inflight, 0);
                Corrections++;
                continue;
            }

            found.Add((Volatile.Read(ref _entries[head].Counter), (ushort)head));
        }

        found.Sort();
        InHand = found.Count;
        _counter = found.Count == 0 ? 0 : found[^1].Counter + 1;
        return [.. found.Select(entry => entry.Head)];
    }

    /// <summary>Notes that a head was taken.</summary>
    /// <param name="head">Below <see cref="InflightQueue.QueueSize"/>, as the ring has checked.</param>
    internal void Fetch(ushort head)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual<uint>(head, QueueSize);

        // SAFETY: the head was checked just now.
        InflightEntrySplit* entry = _entries + head;

        // In this order: what is in flight has a place in the order.
        Volatile.Write(ref entry->Counter, _counter++);
        Volatile.Write(ref entry->Inflight, 1);
        InHand++;
    }

    /// <summary>Puts a head into the batch that the next publication of the used index gives back.</summary>
    internal void Finish(ushort head)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual<uint>(head, QueueSize);
        Volatile.Write(ref _entries[head].Next, _lastBatchHead);

        // In this order: from the last head on, links lead to every head of the batch.
        Volatile.Write(ref _header->LastBatchHead, head);
        _lastBatchHead = head;
        _batch[_batchCount++] = head;
    }

    /// <summary>Ends a batch: the used index was published.</summary>
    /// <param name="usedIndex">The index in the used ring.</param>
    internal void Commit(ushort usedIndex)
    {
        for (int i = 0; i < _batchCount; i++)
        {
            Volatile.Write(ref _entries[_batch[i]].Inflight, 0);
        }

        // In this order: as long as this index differs from the ring's, the batch counts as not cleared.
        Volatile.Write(ref _header->UsedIndex, usedIndex);
        InHand -= _batchCount;
        _batchCount = 0;
    }

    private protected override void Clear() => Volatile.Write(ref _header->Version, 0);

    private void Initialise(ushort usedIndex)
    {
        for (uint head = 0; head < QueueSize; head++)
        {
            _entries[head] = default;
        }

        _lastBatchHead = 0;
        _header->Features = 0;
        _header->DescriptorCount = (ushort)QueueSize;
        _header->LastBatchHead = 0;
        _header->UsedIndex = usedIndex;

        // In this order: with its version, everything else of the part holds.
        Volatile.Write(ref _header->Version, InflightLayout.Version);
    }

    // The batch whose publication is the last that happened may not have been cleared, or only in part.
    private void ClearLastBatch(ushort usedIndex)
    {
        ushort head = Volatile.Read(ref _header->LastBatchHead);
        int count = (ushort)(usedIndex - Volatile.Read(ref _header->UsedIndex));
        if (count > QueueSize)
        {
            // A batch is never longer than the ring.
            Corrections++;
            count = 0;
        }

        for (int i = 0; i < count; i++)
        {
            if (head >= QueueSize)
            {
                Corrections++;
                break;
            }

            Volatile.Write(ref _entries[head].Inflight, 0);
            head = Volatile.Read(ref _entries[head].Next);
        }

        _lastBatchHead = Volatile.Read(ref _header->LastBatchHead);
        if (_lastBatchHead >= QueueSize)
        {
            _lastBatchHead = 0;
            Corrections++;
        }

        // In this order: the batch is cleared before it counts as cleared.
        Volatile.Write(ref _header->UsedIndex, usedIndex);
    }
}
