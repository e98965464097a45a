using Nf.DataPlane.Frames;

namespace Nf.DataPlane.Vhost.Rings;

/// <content>First passes over a burst.</content>
internal sealed unsafe partial class PackedVirtqueue
{
    // Everything that says that a descriptor is a chain by itself, and whether it is available.
    private const ulong KindMask = PackedPosition.FlagAvailable | PackedPosition.FlagUsed | ChainWalker.FlagNext |
        ChainWalker.FlagWrite | ChainWalker.FlagIndirect;

    private protected override uint GatherReadable(uint count)
    {
        if (_inflight != null)
        {
            return 0;
        }

        // SAFETY: position stays below the ring's size, and slots has room for a batch, which count does not exceed.
        ulong* descriptors = (ulong*)_descriptors;
        BurstSlot* slot = Slots;
        uint size = _size;
        uint header = HeaderBytes;
        GuestMap map = Map;
        ulong address = map.WindowAddress;
        ulong bytes = map.WindowBytes;
        byte* data = map.WindowData;
        uint position = _next.Index;
        ulong wanted = _next.AvailableFlags;
        count = Math.Min(count, size - _inHand);
        for (uint i = 0; i < count; i++)
        {
            // Acquire: length, id and flags are one load, the address is read after it.
            ulong rest = Volatile.Read(ref descriptors[(2 * position) + 1]);
            ulong start = Volatile.Read(ref descriptors[2 * position]);
            uint length = (uint)rest;
            if (((rest >> 48) & KindMask) != wanted || !IsFrame(length, header))
            {
                return i;
            }

            ulong offset = start - address;
            if (offset >= bytes)
            {
                if (!map.TryShow(start))
                {
                    return i;
                }

                address = map.WindowAddress;
                bytes = map.WindowBytes;
                data = map.WindowData;
                offset = start - address;
            }

            if (length > bytes - offset)
            {
                return i;
            }

            Prefetch(data + offset);
            slot->Data = data + offset;
            slot->Length = length;
            slot->Id = (ushort)(rest >> 32);
            slot++;
            if (++position == size)
            {
                position = 0;
                wanted ^= PackedPosition.FlagAvailable | PackedPosition.FlagUsed;
            }
        }

        return count;
    }

    private protected override uint GatherWritable(FrameBatch batch, ReadOnlySpan<byte> indices)
    {
        if (_inflight != null)
        {
            return 0;
        }

        // SAFETY: position stays below the ring's size, indices are positions in the batch, and slots has room for a
        // batch.
        ulong* descriptors = (ulong*)_descriptors;
        BurstSlot* slot = Slots;
        uint size = _size;
        uint header = HeaderBytes;
        GuestMap map = Map;
        uint position = _next.Index;
        ulong wanted = _next.AvailableFlags | (ulong)ChainWalker.FlagWrite;
        int count = (int)Math.Min((uint)indices.Length, size - _inHand);
        for (int i = 0; i < count; i++)
        {
            // Acquire: length, id and flags are one load, the address is read after it.
            ulong rest = Volatile.Read(ref descriptors[(2 * position) + 1]);
            ulong start = Volatile.Read(ref descriptors[2 * position]);
            uint needed = batch.Frames[indices[i]].Length + header;
            if (((rest >> 48) & KindMask) != wanted || (uint)rest < needed)
            {
                return (uint)i;
            }

            byte* buffer = map.Find(start, out ulong contiguous);
            if (buffer == null || contiguous < (uint)rest)
            {
                return (uint)i;
            }

            slot->Data = buffer;
            slot->GuestAddress = start;
            slot->Id = (ushort)(rest >> 32);
            slot++;
            if (++position == size)
            {
                position = 0;
                wanted ^= PackedPosition.FlagAvailable | PackedPosition.FlagUsed;
            }
        }

        return (uint)count;
    }

    private protected override void AppendSlots(uint count, bool wasWritten)
    {
        // SAFETY: the slots below count were filled; the gathering kept in-hand descriptors within the ring's size.
        BurstSlot* slots = Slots;
        PackedUsed* done = _done + _doneCount;
        for (uint i = 0; i < count; i++)
        {
            done[i].Length = wasWritten ? slots[i].Length : 0;
            done[i].Descriptors = 1;
            done[i].Id = (ushort)slots[i].Id;
        }

        _doneCount += count;
        _inHand += count;
        _isWritten |= wasWritten;
        _next = _next.Plus(count, _size);
    }
}
