namespace Nf.DataPlane.Vhost.Memory;

// What the region said before this life, which may be anything: every index is read once and judged.
// SAFETY: as at the fields; every index that comes out of the region is compared with QueueSize before it is used.
internal sealed unsafe partial class PackedInflightQueue
{
    private const ushort DescriptorAvailable = 0x80;
    private const ushort DescriptorUsed = 0x8000;

    /// <summary>Finds out what an earlier back-end left in hand, and readies the part for this one.</summary>
    /// <param name="ring">The descriptor ring, all of it mapped.</param>
    /// <param name="ringSize">Its descriptors, at most <see cref="InflightQueue.QueueSize"/>.</param>
    /// <param name="usedPosition">Where the ring goes on by its base, below its size; holds when the part says
    /// nothing.</param>
    /// <param name="usedWrap">Wrap counter there.</param>
    internal PackedRecovery Recover(byte* ring, uint ringSize, ushort usedPosition, bool usedWrap)
    {
        ArgumentOutOfRangeException.ThrowIfZero(ringSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ringSize, QueueSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(usedPosition, ringSize);
        _ringSize = ringSize;
        _batchCount = 0;
        _counter = 0;
        IsReady = true;
        InHand = 0;
        var atBase = new InflightUsed(usedPosition, usedPosition, usedWrap, usedWrap);
        if (Volatile.Read(ref _header->Version) != InflightLayout.Version)
        {
            Initialise(atBase);
            return new PackedRecovery(usedPosition, usedWrap, []);
        }

        EndLastBatch(ring, atBase);
        var taken = new bool[QueueSize];
        int free = ReadFreeList(taken);
        List<InflightChain> chains = ReadChains(taken);
        if (free < 0 || free + chains.Sum(chain => chain.Descriptors.Length) != QueueSize)
        {
            RebuildFreeList(chains);
        }

        InHand = chains.Count;
        return new PackedRecovery(_used.Index, _used.Wrap, chains);
    }

    private void Initialise(InflightUsed used)
    {
        for (uint i = 0; i < QueueSize; i++)
        {
            _entries[i] = default;
            _entries[i].Next = _next[i] = (ushort)(i + 1);
        }

        _freeHead = 0;
        _used = used;
        _header->Features = 0;
        _header->DescriptorCount = (ushort)QueueSize;
        _header->FreeHead = 0;
        _header->OldFreeHead = 0;
        _header->Used = used.Word;

        // In this order: with its version, everything else of the part holds.
        Volatile.Write(ref _header->Version, InflightLayout.Version);
    }

    // A batch that was being given back happened if the flags of its first descriptor were written.
    private void EndLastBatch(byte* ring, InflightUsed atBase)
    {
        InflightUsed used = InflightUsed.Of(Volatile.Read(ref _header->Used));
        ushort freeHead = Volatile.Read(ref _header->OldFreeHead);
        if (used.Index >= _ringSize || used.OldIndex >= _ringSize)
        {
            Corrections++;
            used = atBase;
        }
        else if (used.IsOpen)
        {
            // SAFETY: the old index is below the ring size, and flags are the last two of a descriptor's 16 bytes.
            ushort flags = Volatile.Read(ref *(ushort*)(ring + ((uint)used.OldIndex * 16) + 14));
            int whileAvailable = used.OldWrap ? DescriptorAvailable : DescriptorUsed;
            if ((flags & (DescriptorAvailable | DescriptorUsed)) == whileAvailable)
            {
                used = used with { Index = used.OldIndex, Wrap = used.OldWrap };
            }
            else
            {
                freeHead = Volatile.Read(ref _header->FreeHead);
                used = used with { OldIndex = used.Index, OldWrap = used.Wrap };
            }
        }

        _freeHead = freeHead;
        _used = used;

        // In this order: whoever has to do this again still finds the batch open, and the same free list.
        Volatile.Write(ref _header->OldFreeHead, freeHead);
        Volatile.Write(ref _header->FreeHead, freeHead);
        Volatile.Write(ref _header->Used, used.Word);
    }

    // Returns how many entries are free, or -1 when the list runs in a circle. What is free is not in flight: the
    // last batch was not cleared, or the last buffer not taken, to the end.
    private int ReadFreeList(bool[] taken)
    {
        int count = 0;
        uint entry = _freeHead;
        while (entry < QueueSize)
        {
            if (taken[entry])
            {
                Corrections++;
                return -1;
            }

            taken[entry] = true;
            count++;
            Volatile.Write(ref _entries[entry].Inflight, 0);
            _next[entry] = Volatile.Read(ref _entries[entry].Next);
            entry = _next[entry];
        }

        return count;
    }

    private List<InflightChain> ReadChains(bool[] taken)
    {
        var heads = new List<(ulong Counter, ushort Head)>();
        for (uint i = 0; i < QueueSize; i++)
        {
            if (!taken[i] && Volatile.Read(ref _entries[i].Inflight) != 0)
            {
                heads.Add((Volatile.Read(ref _entries[i].Counter), (ushort)i));
            }
        }

        heads.Sort();
        _counter = heads.Count == 0 ? 0 : heads[^1].Counter + 1;
        var chains = new List<InflightChain>(heads.Count);
        int descriptors = 0;
        foreach ((_, ushort head) in heads)
        {
            InflightDescriptor[]? chain = ReadChain(head, (int)_ringSize - descriptors, taken);
            if (chain == null)
            {
                Corrections++;
                Volatile.Write(ref _entries[head].Inflight, 0);
                continue;
            }

            descriptors += chain.Length;
            chains.Add(new InflightChain(head, chain));
        }

        return chains;
    }

    // Null when it has no descriptors or too many, or leaves the table, or meets an entry for the second time. Entries
    // of such a chain stay taken until the free list is built anew, so that all chains together take n steps.
    private InflightDescriptor[]? ReadChain(ushort head, int countMax, bool[] taken)
    {
        int count = Volatile.Read(ref _entries[head].Num);
        if (count == 0 || count > countMax)
        {
            return null;
        }

        var descriptors = new InflightDescriptor[count];
        uint entry = head;
        for (int i = 0; i < count; i++)
        {
            if (entry >= QueueSize || taken[entry])
            {
                return null;
            }

            // SAFETY: the index was checked just now.
            taken[entry] = true;
            InflightEntryPacked* from = _entries + entry;
            _last[head] = (ushort)entry;
            descriptors[i].Address = from->Address;
            descriptors[i].Length = from->Length;
            descriptors[i].Id = from->Id;
            descriptors[i].Flags = from->Flags;
            _next[entry] = Volatile.Read(ref from->Next);
            entry = _next[entry];
        }

        _num[head] = (ushort)count;
        return descriptors;
    }

    private void RebuildFreeList(List<InflightChain> chains)
    {
        Corrections++;
        var used = new bool[QueueSize];
        foreach (InflightChain chain in chains)
        {
            uint entry = chain.Entry;
            for (int i = 0; i < chain.Descriptors.Length; i++)
            {
                used[entry] = true;
                entry = _next[entry];
            }
        }

        ushort next = (ushort)QueueSize;
        for (int i = (int)QueueSize - 1; i >= 0; i--)
        {
            if (!used[i])
            {
                _next[i] = next;
                Volatile.Write(ref _entries[i].Inflight, 0);
                Volatile.Write(ref _entries[i].Next, next);
                next = (ushort)i;
            }
        }

        _freeHead = next;
        Volatile.Write(ref _header->OldFreeHead, next);
        Volatile.Write(ref _header->FreeHead, next);
    }
}
