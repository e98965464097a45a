using System.Runtime.CompilerServices;

namespace Nf.DataPlane.Vhost.Rings;

/// <summary>A packed ring (virtio 1.3, 2.8).</summary>
/// <remarks>
/// SAFETY: the descriptor ring and both event areas are inside mappings that last as long as the ring (VirtqueueSetup),
/// aligned to 16 and 4 bytes; positions stay below the ring's size, and _done has an entry for each descriptor, of
/// which no more than the ring has are in hand.
/// </remarks>
internal sealed unsafe partial class PackedVirtqueue : Virtqueue
{
    private const uint DescriptorBytes = ChainWalker.DescriptorBytes;

    private readonly byte* _descriptors;
    private readonly byte* _driverArea;
    private readonly byte* _deviceArea;
    private readonly VringRecord* _record;
    private readonly uint _size;

    // Where the next chain is looked for, and where the next used descriptor goes.
    private PackedPosition _next;
    private PackedPosition _used;

    // Chains to give back, oldest first, and the descriptors that they take.
    private readonly PackedUsed[] _donePinned;
    private readonly PackedUsed* _done;
    private uint _doneCount;
    private uint _inHand;
    private bool _isWritten;

    internal PackedVirtqueue(VirtqueueSetup setup)
        : base(setup)
    {
        _descriptors = setup.Descriptors;
        _driverArea = setup.Available;
        _deviceArea = setup.Used;
        _record = setup.Record;
        _size = setup.Size;
        _donePinned = GC.AllocateUninitializedArray<PackedUsed>((int)_size, pinned: true);

        // SAFETY: the array is pinned and lives as long as this object.
        _done = (PackedUsed*)Unsafe.AsPointer(ref _donePinned[0]);
        _next = PackedPosition.Of(setup.Base);

        // Front-ends that know only one position leave the other zero: then nothing is in hand.
        _used = setup.Base >> 16 == 0 ? _next : PackedPosition.Of(setup.Base >> 16);
        if (_next.Index >= _size || _used.Index >= _size)
        {
            Fault = RingFault.IndexAhead;
            return;
        }

        // What was taken and not given back is taken again.
        _next = _used;
        RecoverInflight();
        _record->Base = Base;
        _record->Open = 0;
        _record->Valid = 1;
        DisableKicks();
    }

    /// <inheritdoc/>
    internal override uint Base => _next.Word | (_used.Word << 16);

    /// <inheritdoc/>
    internal override uint UsedIndex => _used.Word;

    /// <inheritdoc/>
    /// <remarks>The driver makes descriptors available in the order of the ring, so where it is is found by
    /// halving.</remarks>
    internal override uint Pending
    {
        get
        {
            uint low = 0;
            uint high = Fault == RingFault.None ? _size - _inHand : 0;
            while (low < high)
            {
                uint middle = (low + high) / 2;
                bool isAvailable = IsAvailable(_next.Plus(middle, _size));
                low = isAvailable ? middle + 1 : low;
                high = isAvailable ? high : middle;
            }

            return low + RedoLeft;
        }
    }

    private protected override string IndexAheadText =>
        $"SET_VRING_BASE says positions {_next.Index} and {_used.Index}; the ring has {_size} descriptors";

    private protected override RingMark Mark => new(_next.Word, _doneCount, _inHand, _redone);

    private protected override bool HasUnpublished => _doneCount != 0;

    /// <summary>
    /// A burst is committed by the flags of its first descriptor. While those are as the driver made them, the burst
    /// did not happen.
    /// </summary>
    internal static uint Recover(VirtqueueSetup setup)
    {
        // SAFETY: the record is mapped (VirtqueueSetup.Record); the position is checked against the ring's size.
        VringRecord* record = setup.Record;
        uint before = Volatile.Read(ref record->Base);
        if (Volatile.Read(ref record->Open) == 0)
        {
            return before;
        }

        PackedPosition used = PackedPosition.Of(before >> 16);
        if (used.Index >= setup.Size)
        {
            return before;
        }

        ushort flags = Volatile.Read(ref *(ushort*)(setup.Descriptors + (DescriptorBytes * used.Index) + 14));
        return used.IsAvailable(flags) ? before : Volatile.Read(ref record->TargetBase);
    }

    private protected override uint Look() => RedoLeft != 0 || (_inHand < _size && IsAvailable(_next)) ? _size : 0;

    private protected override bool IsAhead(uint distance, uint pending) =>
        distance <= _size - _inHand && IsAvailable(_next.Plus(distance - 1, _size));

    private protected override ChainVerdict Fetch()
    {
        if (RedoLeft != 0)
        {
            return FetchRedo();
        }

        if (_inHand == _size || !IsAvailable(_next))
        {
            return ChainVerdict.Empty;
        }

        ChainVerdict verdict = Walker.WalkPacked(_next.Index, _size - _inHand);
        if (verdict != ChainVerdict.Broken)
        {
            _fetched = (ushort)_next.Index;
            _fetchedEntry = NoEntry;
            _next = _next.Plus(Walker.Descriptors, _size);
        }

        return verdict;
    }

    private protected override void Append(uint written)
    {
        _done[_doneCount++] = new PackedUsed
        {
            Length = written,
            Descriptors = Walker.Descriptors,
            Position = _fetched,
            Id = (ushort)Walker.Id,
            Entry = _fetchedEntry,
        };
        _inHand += Walker.Descriptors;
        _isWritten |= written != 0;
    }

    private protected override void Restore(RingMark mark)
    {
        _next = PackedPosition.Of(mark.Next);
        _doneCount = mark.Used;
        _inHand = mark.InHand;
        _redone = mark.Redone;
    }

    private protected override void Void(RingMark mark)
    {
        for (uint i = mark.Used; i < _doneCount; i++)
        {
            _done[i].Length = 0;
        }
    }

    private bool IsAvailable(PackedPosition position)
    {
        // Acquire: the rest of the descriptor, and the chain behind it, are read after its flags.
        // SAFETY: a position is below the ring's size, and descriptors are aligned to 16 bytes.
        byte* descriptor = _descriptors + (DescriptorBytes * position.Index);
        return position.IsAvailable(Volatile.Read(ref *(ushort*)(descriptor + 14)));
    }
}
