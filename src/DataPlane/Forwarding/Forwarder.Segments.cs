using Nf.DataPlane.Frames;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Ports;
using Nf.Linux;
using Nf.SharedMemory.Segments;
using static Nf.Linux.IfXdp;

namespace Nf.DataPlane.Forwarding;

internal sealed unsafe partial class Forwarder
{
    /// <summary>Most descriptors of one frame: MAX_SKB_FRAGS + 1 in copy mode (net.core.max_skb_frags is 17).</summary>
    internal const uint SegmentsMax = 18;

    /// <summary>Same UMEM, frames of several chunks: descriptors move, whole frames at a time.</summary>
    private uint ForwardSegments(XskPort port, XskPort peer)
    {
        uint room = peer.MakeRoom(BurstMax);
        uint count = room < SegmentsMax ? Backpressure(port) : port.Rx.Peek(room, out _);
        if (count == 0)
        {
            return 0;
        }

        uint first = port.Rx.Peeked - count;
        var burst = default(Burst);
        uint used = 0;
        while (used < count)
        {
            uint segments = port.FrameSegments(first + used, count - used);
            if (segments == 0)
            {
                // The burst ends inside a frame: the rest of it is peeked at with the next burst.
                port.Rx.Unpeek(count - used);
                break;
            }

            ForwardFrame(port, peer, first + used, segments, ref burst);
            used += segments;
        }

        if (used == 0)
        {
            return count == BurstMax ? Discard(port, DropReason.TooManySegments) : 0;
        }

        peer.Tx.TryReserve(burst.TxDescriptors, out _);
        peer.Pool.Hold(fill: 0, tx: (int)burst.TxDescriptors);
        Commit(port, peer, burst, copied: false);
        return burst.RxPackets;
    }

    private static void ForwardFrame(XskPort port, XskPort peer, uint first, uint segments, ref Burst burst)
    {
        Umem umem = port.Umem;
        uint length = FrameLength(port, first, segments, out bool valid);
        burst.RxPackets++;
        burst.RxBytes += length;
        DropReason? drop = !valid ? DropReason.InvalidDescriptor : WhyNotSendable(peer, length, segments);
        uint slot = peer.Tx.Reserved + burst.TxDescriptors;
        for (uint i = 0; i < segments; i++)
        {
            xdp_desc descriptor = port.Rx[first + i];
            if (!umem.TryChunkOf(descriptor.addr, out uint chunk) || umem.OwnerOf(chunk) != port.Pool.FillOwner)
            {
                // The same chunk twice in one frame: what was taken of it already goes back.
                FreeTaken(peer, slot, drop is null ? i : 0);
                drop ??= DropReason.InvalidDescriptor;
                continue;
            }

            burst.Returned++;
            if (drop is not null)
            {
                umem.Free(chunk);
                continue;
            }

            descriptor.options = i + 1 < segments ? XDP_PKT_CONTD : 0;
            peer.Tx[slot + i] = descriptor;
            umem.SetOwner(chunk, peer.Pool.TxOwner);
        }

        if (drop is { } reason)
        {
            burst.Drop(reason);
            return;
        }

        burst.TxDescriptors += segments;
        burst.TxPackets++;
        burst.TxBytes += length;
    }

    private static void FreeTaken(XskPort peer, uint slot, uint count)
    {
        for (uint i = 0; i < count; i++)
        {
            peer.Umem.TryChunkOf(peer.Tx[slot + i].addr, out uint chunk);
            peer.Umem.Free(chunk);
        }
    }

    /// <summary>How many of the descriptors belong to whole frames.</summary>
    private static uint WholeFrames(XskPort port, uint first, uint count)
    {
        for (uint whole = count; whole != 0; whole--)
        {
            if ((port.Rx[first + whole - 1].options & XDP_PKT_CONTD) == 0)
            {
                return whole;
            }
        }

        return 0;
    }

    private static uint FrameLength(XskPort port, uint first, uint segments, out bool valid)
    {
        uint length = 0;
        valid = true;
        for (uint i = 0; i < segments; i++)
        {
            xdp_desc descriptor = port.Rx[first + i];

            // A length beyond the chunk is as wrong as an address outside of it; so no sum can wrap either.
            valid &= port.Umem.TryChunkOf(descriptor.addr, out uint chunk)
                && port.Umem.OwnerOf(chunk) == port.Pool.FillOwner
                && descriptor.len <= port.Umem.Geometry.ChunkSizeBytes;
            length += descriptor.len;
        }

        return length;
    }

    private static DropReason? WhyNotSendable(XskPort peer, uint length, uint segments)
    {
        if (length < FrameBytesMin)
        {
            return DropReason.TooShort;
        }

        if (length > peer.FrameBytesMax)
        {
            return DropReason.TooLarge;
        }

        return segments > peer.SegmentsMax ? DropReason.TooManySegments : null;
    }
}
