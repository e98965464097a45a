using Nf.DataPlane.Frames;
using Nf.DataPlane.Memory;
using Nf.Linux;
using Nf.SharedMemory.Segments;
using static Nf.Linux.IfXdp;

namespace Nf.DataPlane.Ports;

/// <remarks>
/// Frames that were received stay in the RX ring until they are released, so that a kill in between leaves all of them
/// to the next life.
/// </remarks>
internal sealed unsafe partial class XskPort
{
    /// <summary>Bytes of an Ethernet header: nobody sends anything shorter.</summary>
    internal const uint FrameBytesMin = 14;

    // Fewer are never looked at: a frame of XDP_MAX_SKB_FRAGS segments must fit.
    private const uint DescriptorsMin = 32;

    // Descriptors that were received and not released; they end at _rx.Peeked.
    private uint _taken;

    // Chunks of them that went to other workers with their frames.
    private uint _handedOver;

    /// <inheritdoc/>
    internal override void Receive(FrameBatch batch, uint max, ref Burst burst)
    {
        uint limit = SegmentsMax == 1 ? max : Math.Max(max, DescriptorsMin);
        uint count = _rx.Peek(limit, out uint first);
        uint used = 0;
        for (uint frames = 0; used < count && frames < max; frames++)
        {
            // Without scatter-gather the options of a descriptor mean nothing.
            uint segments = SegmentsMax == 1 ? 1 : FrameSegments(first + used, count - used);
            if (segments == 0 || !HasSpans(batch, segments))
            {
                // It goes on beyond what was looked at: the rest of it is there with a later burst.
                break;
            }

            Take(batch, first + used, segments, ref burst);
            used += segments;
        }

        if (used == 0 && count == limit)
        {
            used = TakeEndless(first, ref count, ref burst);
        }

        _rx.Unpeek(count - used);
        _taken = used;
    }

    /// <inheritdoc/>
    internal override void Release(FrameBatch batch)
    {
        uint returned = FreeTaken() + _handedOver;
        _handedOver = 0;
        _rx.Release();
        Pool.Hold(fill: -(int)returned, tx: 0);
    }

    /// <summary>Lets go of a frame that was received with its chunks, which are the worker's from now on: releasing
    /// leaves them alone.</summary>
    /// <returns>False when a chunk is not there: the kernel named it twice.</returns>
    internal bool TryHandOver(FrameBatch batch, in Frame frame)
    {
        ushort owner = (ushort)(ChunkOwner.Worker | Pool.Id);
        for (uint i = 0; i <= frame.MoreCount; i++)
        {
            if (!TryChange(SpanOf(batch, frame, i), Pool.FillOwner, owner))
            {
                for (uint done = 0; done < i; done++)
                {
                    TryChange(SpanOf(batch, frame, done), owner, Pool.FillOwner);
                }

                return false;
            }
        }

        _handedOver += frame.MoreCount + 1;
        return true;
    }

    // SAFETY: the frame is one of the batch, whose spans it names.
    private static FrameSpan SpanOf(FrameBatch batch, in Frame frame, uint number) =>
        number == 0 ? frame.First : batch.Spans[frame.MoreFirst + number - 1];

    private bool TryChange(FrameSpan span, ushort from, ushort to)
    {
        if (!Umem.TryChunkAt(span.Data, out uint chunk) || Umem.OwnerOf(chunk) != from)
        {
            return false;
        }

        Umem.SetOwner(chunk, to);
        return true;
    }

    /// <summary>How many descriptors the frame at an index has; 0 when its end is not among those looked at.</summary>
    internal uint FrameSegments(uint index, uint available)
    {
        for (uint i = 0; i < available; i++)
        {
            if ((_rx[index + i].options & XDP_PKT_CONTD) == 0)
            {
                return i + 1;
            }
        }

        return 0;
    }

    private static bool HasSpans(FrameBatch batch, uint segments) =>
        batch.SpanCount + segments - 1 <= FrameBatch.SpanCountMax;

    private void Take(FrameBatch batch, uint first, uint segments, ref Burst burst)
    {
        // SAFETY: a batch has room for CountMax frames, of which Receive takes no more; HasSpans was asked. Every span
        // lies in the UMEM (DataOf).
        Frame* frame = &batch.Frames[batch.Count];
        *frame = default;
        frame->MoreFirst = batch.SpanCount;
        bool valid = true;
        uint length = 0;
        for (uint i = 0; i < segments; i++)
        {
            xdp_desc descriptor = _rx[first + i];

            // A length beyond the chunk is as wrong as an address outside of it; so no sum can wrap either.
            byte* data = Umem.DataOf(descriptor.addr, descriptor.len);
            valid &= Umem.TryChunkOf(descriptor.addr, out uint chunk) && Umem.OwnerOf(chunk) == Pool.FillOwner
                && descriptor.len <= Umem.Geometry.ChunkSizeBytes && data != null;
            length += descriptor.len;
            FrameSpan span = new() { Data = data, Length = descriptor.len };
            if (i == 0)
            {
                frame->First = span;
            }
            else
            {
                batch.Spans[frame->MoreFirst + i - 1] = span;
            }
        }

        burst.RxPackets++;
        burst.RxBytes += length;
        if (!valid || length < FrameBytesMin)
        {
            burst.Drop(valid ? DropReason.TooShort : DropReason.InvalidDescriptor);
            return;
        }

        frame->Length = length;
        frame->MoreCount = segments - 1;
        batch.SpanCount += segments - 1;
        batch.Count++;
    }

    // A frame longer than a burst: small chunks and a jumbo MTU make such. All of it goes, or its tail would pass for a
    // frame. One without an end, which no kernel sends, goes as far as it is there.
    private uint TakeEndless(uint first, ref uint count, ref Burst burst)
    {
        count += _rx.Peek(_rx.Size, out _);
        uint segments = FrameSegments(first, count);
        uint used = segments == 0 ? count : segments;
        for (uint i = 0; i < used; i++)
        {
            burst.RxBytes += _rx[first + i].len;
        }

        burst.RxPackets++;
        burst.Drop(DropReason.TooManySegments);
        return used;
    }

    /// <summary>Gives the chunks of what was received back to the free pool.</summary>
    /// <returns>How many the kernel had given.</returns>
    private uint FreeTaken()
    {
        uint returned = 0;
        uint first = _rx.Peeked - _taken;
        for (uint i = 0; i < _taken; i++)
        {
            // Only once, and only what was its own: a kernel that lies names chunks that it does not have.
            if (Umem.TryChunkOf(_rx[first + i].addr, out uint chunk) && Umem.OwnerOf(chunk) == Pool.FillOwner)
            {
                Umem.Free(chunk);
                returned++;
            }
        }

        _taken = 0;
        return returned;
    }
}
