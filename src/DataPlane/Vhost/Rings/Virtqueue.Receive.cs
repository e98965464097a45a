using Nf.DataPlane.Frames;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Vhost.Rings;

/// <content>Taking a chain of any shape from a ring by which the guest sends.</content>
internal abstract unsafe partial class Virtqueue
{
    /// <summary>Takes frames that the guest sends; they stay in its memory until <see cref="Complete"/>.</summary>
    /// <param name="batch">Has room for them.</param>
    /// <param name="max">Most chains to look at.</param>
    /// <param name="burst">Counts them, and those that were dropped with a reason.</param>
    internal void Dequeue(FrameBatch batch, uint max, ref Burst burst)
    {
        uint pending = IsUsable() ? Look() : 0;
        uint distance = Lag.Threshold;
        if (pending == 0 || (distance > 1 && !IsAhead(distance, pending) && Lag.MustWait()))
        {
            return;
        }

        uint count = Math.Min(pending, Math.Min(max, FrameBatch.CountMax - batch.Count));
        uint taken = 0;
        Walker.Grant(FrameBatch.CountMax);
        while (taken < count)
        {
            taken += TakeSimple(batch, count - taken, ref burst);
            if (taken == count || !TakeChain(batch, ref burst))
            {
                break;
            }

            taken++;
        }

        Lag.Took(taken);
        if (batch.Count == 0)
        {
            // All of them were dropped: nobody has anything in hand, so nobody might think of giving it back.
            Publish();
        }
    }

    /// <summary>Gives back every chain taken since the last time, in one publication.</summary>
    internal void Complete()
    {
        if (Fault == RingFault.None)
        {
            Publish();
        }
    }

    /// <summary>Takes one chain into a batch, or drops it with a reason.</summary>
    /// <returns>False when the burst ends here: nothing there, no room in the batch, or a broken ring.</returns>
    private bool TakeChain(FrameBatch batch, ref Burst burst)
    {
        if (Walker.IsSpent)
        {
            // The others wait for the next round.
            return false;
        }

        RingMark mark = Mark;
        switch (Fetch())
        {
            case ChainVerdict.Empty:
                return false;
            case ChainVerdict.Broken:
                // What was taken before is still given back: then the ring is looked at again, and left alone.
                Fault = HasUnpublished ? RingFault.None : Walker.Fault;
                return false;
            case ChainVerdict.Bad:
                Append(0);
                DropBadChain(Walker.Bad, 0, ref burst);
                return true;
        }

        if (Walker.ReadableBytes < HeaderBytes + NetHeader.FrameBytesMin)
        {
            Append(0);
            Drop(0, DropReason.TooShort, ref burst);
            return true;
        }

        if (Walker.ReadableBytes > HeaderBytes + NetHeader.FrameBytesMax)
        {
            Append(0);
            Drop(Walker.ReadableBytes - HeaderBytes, DropReason.TooLarge, ref burst);
            return true;
        }

        if (batch.SpanCount + Walker.ReadableCount > FrameBatch.SpanCountMax + 1 && batch.SpanCount > 0)
        {
            // As the first of its batch it will have room.
            Restore(mark);
            return false;
        }

        Append(0);
        TakeFrame(batch, ref burst);
        return true;
    }

    private void TakeFrame(FrameBatch batch, ref Burst burst)
    {
        uint length = (uint)Walker.ReadableBytes - HeaderBytes;
        NetHeader header = ReadHeader(out uint first, out uint offset);
        uint more = Walker.ReadableCount - first - 1;
        if (!header.TryJudge(Setup.Features, length, out FrameOffload offload))
        {
            Drop(length, DropReason.BadOffload, ref burst);
            return;
        }

        if (batch.SpanCount + more > FrameBatch.SpanCountMax)
        {
            DropBadChain(ChainFault.TooManyPieces, length, ref burst);
            return;
        }

        // SAFETY: the caller keeps Count below CountMax, SpanCount + more was just checked, and the walker's stretches
        // up to ReadableCount are valid; at least one byte follows the header, so there is a stretch at first.
        ChainSpan* span = Walker.Spans + first;
        Frame* frame = batch.Frames + batch.Count;
        frame->First = new FrameSpan { Data = span->Data + offset, Length = span->Length - offset };
        frame->Length = length;
        frame->MoreFirst = batch.SpanCount;
        frame->MoreCount = more;
        frame->Offload = offload;
        frame->Cookie = 0;
        FrameSpan* target = batch.Spans + batch.SpanCount;
        for (uint i = 0; i < more; i++)
        {
            span++;
            target[i] = new FrameSpan { Data = span->Data, Length = span->Length };
        }

        batch.SpanCount += more;
        batch.Count++;
        burst.RxPackets++;
        burst.RxBytes += length;
    }

    // Byte by byte over the stretches: a header may be spread over as many descriptors as it has bytes.
    private NetHeader ReadHeader(out uint first, out uint offset)
    {
        NetHeader header = default;
        first = 0;
        offset = 0;

        // SAFETY: HeaderBytes <= sizeof(NetHeader), and the chain has more readable bytes than that.
        byte* copy = (byte*)&header;
        for (uint i = 0; i < HeaderBytes; i++)
        {
            copy[i] = Walker.Spans[first].Data[offset];
            if (++offset == Walker.Spans[first].Length)
            {
                first++;
                offset = 0;
            }
        }

        return header;
    }

    private void DropBadChain(ChainFault fault, ulong length, ref Burst burst)
    {
        NoteBadChain(fault);
        Drop(length, DropReason.BadChain, ref burst);
    }

    private static void Drop(ulong length, DropReason reason, ref Burst burst)
    {
        burst.RxPackets++;
        burst.RxBytes += length;
        burst.Drop(reason);
    }
}
