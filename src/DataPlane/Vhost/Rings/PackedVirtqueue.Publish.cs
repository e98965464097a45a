using Nf.DataPlane.Vhost.Memory;

namespace Nf.DataPlane.Vhost.Rings;

/// <content>Giving chains back.</content>
internal sealed unsafe partial class PackedVirtqueue
{
    private protected override void Publish()
    {
        if (_doneCount == 0)
        {
            return;
        }

        NoteInflight();
        PackedPosition first = _used;
        PackedPosition end = first.Plus(_inHand, _size);

        // SAFETY: the record is mapped as long as the ring runs.
        // In this order: what a successor finds open it can tell apart by the ring (Recover).
        Volatile.Write(ref _record->TargetBase, _next.Word | (end.Word << 16));
        Volatile.Write(ref _record->Open, 1);
        bool isOneForAll = (Setup.Features & VirtioFeatures.InOrder) != 0 && !_isWritten;
        if (isOneForAll)
        {
            // Buffers come back in order, so the last stands for all; it stands where the first was.
            WriteUsed(first, _done[_doneCount - 1]);
        }
        else
        {
            // The first one last: the driver goes by it, and finds the others behind it.
            PackedPosition position = end;
            for (uint i = _doneCount; i-- > 0;)
            {
                position = position.Minus(_done[i].Descriptors, _size);
                WriteUsed(position, _done[i]);
            }
        }

        _used = end;
        Volatile.Write(ref _record->Base, Base);
        Volatile.Write(ref _record->Open, 0);
        _inflight?.Commit();
        LogUsed(first, isOneForAll ? 1 : _inHand);
        _unsignalled += _inHand;
        _doneCount = 0;
        _inHand = 0;
        _isWritten = false;
    }

    private void WriteUsed(PackedPosition position, in PackedUsed used)
    {
        uint flags = position.UsedFlags | (used.Length != 0 ? ChainWalker.FlagWrite : 0u);
        ulong value = used.Length | ((ulong)used.Id << 32) | ((ulong)flags << 48);

        // Release: who sees these flags must see the bytes of the buffers, and every used descriptor behind this one.
        // Length, id and flags are one store.
        // SAFETY: a position is below the ring's size, and descriptors are aligned to 16 bytes.
        Volatile.Write(ref *(ulong*)(_descriptors + (DescriptorBytes * position.Index) + 8), value);
    }

    // After the stores: a page that was cleaned before them must be sent again.
    private void LogUsed(PackedPosition first, uint count)
    {
        DirtyLog? log = Setup.Log;
        if (log == null || Setup.UsedLogAddress == null)
        {
            return;
        }

        uint toEnd = Math.Min(count, _size - first.Index);
        ulong address = Setup.DescriptorsGuestAddress;
        log.Mark(address + (DescriptorBytes * first.Index), DescriptorBytes * toEnd);
        log.Mark(address, DescriptorBytes * (count - toEnd));
    }
}
