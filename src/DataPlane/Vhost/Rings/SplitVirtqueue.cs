using System.Runtime.CompilerServices;
using Nf.DataPlane.Vhost.Memory;

namespace Nf.DataPlane.Vhost.Rings;

/// <summary>A split ring (virtio 1.3, 2.7).</summary>
/// <remarks>
/// SAFETY: the three areas are inside mappings that last as long as the ring (VirtqueueSetup), have the alignment of
/// 16, 2 and 4 bytes and the lengths that belong to the ring's size; every slot is an index masked by that size.
/// </remarks>
internal sealed unsafe partial class SplitVirtqueue : Virtqueue
{
    private const int IndexOffset = 2;
    private const int SlotsOffset = 4;
    private const ushort FlagNoInterrupt = 1;
    private const ushort FlagNoNotify = 1;

    private readonly byte* _descriptors;
    private readonly byte* _available;
    private readonly byte* _used;
    private readonly VringRecord* _record;
    private readonly uint _size;
    private readonly uint _mask;

    // Free-running like the indexes of the ring, of which they are the lower 16 bits.
    private ushort _next;
    private ushort _prepared;
    private ushort _published;

    // How far the driver was when it was last looked at.
    private ushort _seen;

    // Heads that an earlier back-end had in hand, to be done again before anything else; and how many were.
    private readonly SplitInflightQueue? _inflight;
    private readonly ushort[] _redo = [];
    private uint _redone;
    private uint _redoneNoted;

    // Heads that are prepared to be given back: noted in the inflight region only, hence kept only with one.
    private readonly ushort[] _heads = [];

    internal SplitVirtqueue(VirtqueueSetup setup)
        : base(setup)
    {
        _descriptors = setup.Descriptors;
        _available = setup.Available;
        _used = setup.Used;
        _record = setup.Record;
        _size = setup.Size;
        _mask = setup.Size - 1;

        // Ours from here on: the ring's copy is written, never read again. Nothing is in hand when a ring starts, so
        // this is also where it goes on, whatever base was told: a front-end that connects anew with the ring that it
        // had may not know (QEMU tells this index, DPDK's virtio-user 0).
        _published = Volatile.Read(ref UsedIndexField);
        _prepared = _published;
        _next = _published;
        _seen = _next;
        if (setup.Inflight is SplitInflightQueue inflight && inflight.QueueSize >= _size)
        {
            _inflight = inflight;
            _heads = new ushort[65536];
            _redo = inflight.Recover(_published, _size);

            // All of them, and what was given back, were taken from the available ring.
            _next = (ushort)(_published + _redo.Length);
            _seen = _next;
        }

        _record->Base = _next;
        _record->Open = 0;
        _record->Valid = 1;

        // With event indexes the flag stays clear; whoever ran the ring before may have left it set.
        Volatile.Write(ref UsedFlags, HasEventIndex ? (ushort)0 : FlagNoNotify);
        LogUsedArea(0);
    }

    /// <inheritdoc/>
    internal override uint Base => _next;

    /// <inheritdoc/>
    internal override uint UsedIndex => _published;

    /// <inheritdoc/>
    internal override uint SeenIndex => _seen;

    /// <inheritdoc/>
    internal override uint Pending
    {
        get
        {
            ushort pending = (ushort)(Volatile.Read(ref AvailableIndex) - _next);
            return Fault != RingFault.None || pending > _size ? 0u : pending + RedoLeft;
        }
    }

    private uint RedoLeft => (uint)_redo.Length - _redone;

    private ref ushort AvailableFlags => ref *(ushort*)_available;

    private ref ushort AvailableIndex => ref *(ushort*)(_available + IndexOffset);

    private ref ushort Slot(uint index) => ref *(ushort*)(_available + SlotsOffset + (2 * (index & _mask)));

    private ref ushort UsedEvent => ref *(ushort*)(_available + SlotsOffset + (2 * _size));

    private ref ushort UsedFlags => ref *(ushort*)_used;

    private ref ushort UsedIndexField => ref *(ushort*)(_used + IndexOffset);

    private ref ushort AvailableEvent => ref *(ushort*)(_used + SlotsOffset + (8 * _size));

    private protected override string IndexAheadText =>
        $"avail->idx is {_seen}, {(ushort)(_seen - _next)} ahead of {_next}; the ring has {_size} descriptors";

    private protected override RingMark Mark => new(_next, _prepared, 0, _redone);

    private protected override bool HasUnpublished => _prepared != _published;

    /// <summary>A burst is committed by the used index, which the ring keeps: everything before it is done.</summary>
    internal static uint Recover(VirtqueueSetup setup) =>
        // SAFETY: the used ring is mapped and aligned (VirtqueueSetup).
        Volatile.Read(ref *(ushort*)(setup.Used + IndexOffset));

    private protected override uint Look()
    {
        // Acquire: slots, descriptors and buffers below this index are read after it.
        _seen = Volatile.Read(ref AvailableIndex);
        uint pending = (ushort)(_seen - _next);
        if (pending > _size)
        {
            Fault = RingFault.IndexAhead;
            return 0;
        }

        return pending + RedoLeft;
    }

    private protected override bool IsAhead(uint distance, uint pending) => pending >= distance;

    private protected override ChainVerdict Fetch()
    {
        bool isRedo = _redone < _redo.Length;
        bool isFull = (ushort)(_prepared - _published) >= _size;
        if (isFull || (!isRedo && _next == _seen))
        {
            return ChainVerdict.Empty;
        }

        uint head = isRedo ? _redo[_redone] : Volatile.Read(ref Slot(_next));
        ChainVerdict verdict = Walker.WalkSplit(head);
        if (verdict != ChainVerdict.Broken)
        {
            _redone += isRedo ? 1u : 0;
            _next += (ushort)(isRedo ? 0 : 1);
        }

        return verdict;
    }

    private protected override void Append(uint written)
    {
        if (_inflight != null)
        {
            _heads[_prepared] = (ushort)Walker.Id;
        }

        WriteUsed(_prepared++, Walker.Id, written);
    }

    private protected override void Restore(RingMark mark)
    {
        _next = (ushort)mark.Next;
        _prepared = (ushort)mark.Used;
        _redone = mark.Redone;
    }

    private protected override void Void(RingMark mark)
    {
        for (ushort index = (ushort)mark.Used; index != _prepared; index++)
        {
            // SAFETY: the slot is masked; entries are aligned to 4 bytes.
            *(uint*)(_used + SlotsOffset + (8 * (index & _mask)) + 4) = 0;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void WriteUsed(uint index, uint id, uint written)
    {
        // SAFETY: the slot is masked; entries are aligned to 4 bytes only.
        Unsafe.WriteUnaligned(_used + SlotsOffset + (8 * (index & _mask)), id | ((ulong)written << 32));
    }

    private protected override void Publish()
    {
        if (_prepared == _published)
        {
            return;
        }

        LogUsed();
        NoteInflight();
        _unsignalled += (ushort)(_prepared - _published);
        _published = _prepared;

        // Release: who sees this index must see the used entries and the bytes of the buffers.
        Volatile.Write(ref UsedIndexField, _published);
        _record->Base = _next;
        _inflight?.Commit(_published);
        if (Setup.UsedLogAddress is { } address)
        {
            // After the store: a page that was cleaned before it must be sent again.
            Setup.Log?.Mark(address + IndexOffset, 2);
        }
    }

    // Heads are noted as in hand only now: before, nothing would be lost by taking them again.
    private void NoteInflight()
    {
        if (_inflight == null)
        {
            return;
        }

        // Those that are done again come first, and are noted already.
        ushort first = (ushort)(_published + (_redone - _redoneNoted));
        _redoneNoted = _redone;
        for (ushort index = first; index != _prepared; index++)
        {
            _inflight.Fetch(_heads[index]);
        }

        for (ushort index = _published; index != _prepared; index++)
        {
            _inflight.Finish(_heads[index]);
        }
    }

    private void LogUsed()
    {
        DirtyLog? log = Setup.Log;
        if (log == null || Setup.UsedLogAddress is not { } address)
        {
            return;
        }

        uint count = (ushort)(_prepared - _published);
        uint first = _published & _mask;
        uint toEnd = Math.Min(count, _size - first);
        log.Mark(address + SlotsOffset + (8 * first), 8 * toEnd);
        if (count > toEnd)
        {
            log.Mark(address + SlotsOffset, 8 * (count - toEnd));
        }
    }
}
