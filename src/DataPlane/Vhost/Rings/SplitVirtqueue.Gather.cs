using Nf.DataPlane.Frames;

namespace Nf.DataPlane.Vhost.Rings;

/// <content>First passes over a burst.</content>
internal sealed unsafe partial class SplitVirtqueue
{
    private protected override uint GatherReadable(uint count)
    {
        if (_inflight != null)
        {
            return 0;
        }

        // SAFETY: slots of the ring are masked, head is checked against the mask before it is used, and slots has
        // room for a batch, which count does not exceed.
        ushort* ring = (ushort*)(_available + SlotsOffset);
        ulong* descriptors = (ulong*)_descriptors;
        BurstSlot* slot = Slots;
        uint mask = _mask;
        uint next = _next;
        uint header = HeaderBytes;
        GuestMap map = Map;
        ulong address = map.WindowAddress;
        ulong bytes = map.WindowBytes;
        byte* data = map.WindowData;
        for (uint i = 0; i < count; i++)
        {
            uint head = Volatile.Read(ref ring[next++ & mask]);
            if (head > mask)
            {
                return i;
            }

            ulong start = Volatile.Read(ref descriptors[2 * head]);
            ulong rest = Volatile.Read(ref descriptors[(2 * head) + 1]);
            uint length = (uint)rest;
            if ((rest & (7UL << 32)) != 0 || !IsFrame(length, header))
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
            slot->Id = head;
            slot++;
        }

        return count;
    }

    // The target lines are not prefetched: that takes them shared, and they are about to be written.
    private protected override uint GatherWritable(FrameBatch batch, ReadOnlySpan<byte> indices)
    {
        if (_inflight != null)
        {
            return 0;
        }

        // SAFETY: slots of the ring are masked, head is checked against the mask before it is used, indices are
        // positions in the batch, and slots has room for a batch.
        ushort* ring = (ushort*)(_available + SlotsOffset);
        ulong* descriptors = (ulong*)_descriptors;
        BurstSlot* slot = Slots;
        uint mask = _mask;
        uint next = _next;
        uint header = HeaderBytes;
        GuestMap map = Map;
        int count = Math.Min(indices.Length, (ushort)(_seen - _next));
        for (int i = 0; i < count; i++)
        {
            uint head = Volatile.Read(ref ring[next++ & mask]);
            if (head > mask)
            {
                return (uint)i;
            }

            ulong start = Volatile.Read(ref descriptors[2 * head]);
            ulong rest = Volatile.Read(ref descriptors[(2 * head) + 1]);
            uint needed = batch.Frames[indices[i]].Length + header;
            if (((rest >> 32) & 7) != ChainWalker.FlagWrite || (uint)rest < needed)
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
            slot->Id = head;
            slot++;
        }

        return (uint)count;
    }

    private protected override void AppendSlots(uint count, bool wasWritten)
    {
        // SAFETY: the slots below count were filled.
        BurstSlot* slots = Slots;
        uint prepared = _prepared;
        for (uint i = 0; i < count; i++)
        {
            WriteUsed(prepared++, slots[i].Id, wasWritten ? slots[i].Length : 0);
        }

        _prepared = (ushort)prepared;
        _next += (ushort)count;
    }
}
