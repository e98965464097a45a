using Nf.DataPlane.Frames;
using Nf.DataPlane.Vhost.Memory;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Vhost.Rings;

/// <content>Delivering a frame into chains of any shape, one or several of them.</content>
internal abstract unsafe partial class Virtqueue
{
    // Where the header of the frame in hand goes: it is written last, when the number of chains is known.
    private readonly ChainSpan[] _headerSpans = new ChainSpan[NetHeader.BytesFull];

    private enum Delivery
    {
        Done,
        NotYet,
        Restart,
        Refused,
    }

    // Set by a delivery that met a broken ring: what was delivered before is published first.
    private bool _isBroken;

    // Set when a frame of the burst found all buffers of the guest too few.
    private bool _isStarved;

    /// <summary>Copies frames into buffers of the guest, published together. What finds no buffer is dropped and
    /// counted in the burst.</summary>
    internal void Enqueue(FrameSelection frames, ref Burst burst)
    {
        FrameBatch batch = frames.Batch;
        ReadOnlySpan<byte> left = frames.Indices;
        if (!IsUsable() || (Look() == 0 && Fault != RingFault.None))
        {
            DropAll(left.Length, DropReason.RingDisabled, ref burst);
            return;
        }

        Walker.Grant((uint)left.Length);
        _isStarved = false;
        while (true)
        {
            left = left[(int)FillSimple(batch, left, ref burst)..];
            if (left.IsEmpty)
            {
                break;
            }

            // SAFETY: indices are positions of frames in the batch.
            byte index = left[0];
            left = left[1..];
            if (!Deliver(batch, batch.Frames[index], ref burst))
            {
                DropAll(left.Length, DropReason.RingDisabled, ref burst);
                break;
            }
        }

        Publish();
        Fault = _isBroken ? Walker.Fault : Fault;
    }

    /// <summary>Delivers one frame, or drops it with a reason and leaves its buffers.</summary>
    /// <returns>False when the ring is broken; the frame is dropped.</returns>
    private bool Deliver(FrameBatch batch, in Frame frame, ref Burst burst)
    {
        // Each restart gives a bad chain back, of which the ring holds so many; and the burst has its share of work.
        while (true)
        {
            RingMark mark = Mark;
            var reader = new FrameReader(batch, frame);
            ulong left = frame.Length;
            uint chains = 0;
            Delivery delivery;
            do
            {
                delivery = DeliverPart(mark, ref reader, ref left, ref chains, ref burst);
            }
            while (delivery == Delivery.NotYet);

            if (delivery == Delivery.Done)
            {
                WriteHeader(frame.Offload, chains);
                burst.TxPackets++;
                burst.TxDescriptors += chains;
                burst.TxBytes += frame.Length;
                return true;
            }

            if (delivery == Delivery.Refused)
            {
                return !_isBroken;
            }

            Walker.ChargeCopy(frame.Length - left);
        }
    }

    // Fills the next chain.
    private Delivery DeliverPart(
        RingMark mark, ref FrameReader reader, ref ulong left, ref uint chains, ref Burst burst)
    {
        if (Walker.IsSpent)
        {
            return GiveUp(mark, ref burst);
        }

        ChainVerdict verdict = Fetch();
        uint header = chains == 0 ? HeaderBytes : 0;
        if (verdict is ChainVerdict.Empty or ChainVerdict.Broken)
        {
            Restore(mark);
            _isBroken = verdict == ChainVerdict.Broken;
            _isStarved = true;
            burst.Drop(_isBroken ? DropReason.BadChain : DropReason.NoGuestBuffer);
            return Delivery.Refused;
        }

        // Room for the header and one byte more: a chain that takes none would be used for nothing.
        if (verdict == ChainVerdict.Bad || Walker.WritableBytes <= header)
        {
            // The driver takes the entries of a frame in order, so those before it cannot stay: all go back unused.
            Void(mark);
            Append(0);
            NoteBadChain(verdict == ChainVerdict.Bad ? Walker.Bad : ChainFault.NothingToWrite);
            return Delivery.Restart;
        }

        if (!IsMergeable && Walker.WritableBytes < header + left)
        {
            Restore(mark);
            burst.Drop(DropReason.TooLarge);
            return Delivery.Refused;
        }

        uint part = (uint)Math.Min(left, Walker.WritableBytes - header);
        WriteChain(ref reader, header, part);
        Append(header + part);
        left -= part;
        chains++;
        return left == 0 ? Delivery.Done : Delivery.NotYet;
    }

    // The burst has had its share of work. The buffers stay, for a frame that needs fewer of them.
    private Delivery GiveUp(RingMark mark, ref Burst burst)
    {
        Restore(mark);
        if (!_isStarved)
        {
            LastBadChain = new BadChain(ChainFault.TooMuchWork, mark.Next, 0, 0);
        }

        burst.Drop(_isStarved ? DropReason.NoGuestBuffer : DropReason.BadChain);
        return Delivery.Refused;
    }

    // Copies the next bytes of a frame behind room for a header, and remembers that room.
    private void WriteChain(ref FrameReader reader, uint header, uint part)
    {
        DirtyLog? log = Setup.Log;

        // SAFETY: the chain has header + part writable bytes, so the loops end before its stretches do.
        ChainSpan* span = Walker.Spans + Walker.ReadableCount;
        uint offset = 0;
        for (int i = 0; header > 0; i++)
        {
            uint length = Math.Min(header, span->Length);
            _headerSpans[i] = new ChainSpan { Data = span->Data, GuestAddress = span->GuestAddress, Length = length };
            header -= length;
            offset = length;
            if (offset == span->Length)
            {
                span++;
                offset = 0;
            }
        }

        while (part > 0)
        {
            uint length = Math.Min(part, span->Length - offset);
            reader.Read(span->Data + offset, length);
            log?.Mark(span->GuestAddress + offset, length);
            part -= length;
            span++;
            offset = 0;
        }
    }

    private void WriteHeader(in FrameOffload offload, uint chains)
    {
        NetHeader header = NetHeader.Of(offload, chains);

        // SAFETY: the remembered stretches are HeaderBytes long together, which the local has; they were checked.
        byte* source = (byte*)&header;
        uint left = HeaderBytes;
        for (int i = 0; left > 0; i++)
        {
            ref readonly ChainSpan span = ref _headerSpans[i];
            FrameCopy.Copy(span.Data, source, span.Length);
            Setup.Log?.Mark(span.GuestAddress, span.Length);
            source += span.Length;
            left -= span.Length;
        }
    }
}
