using System.Runtime.CompilerServices;
using Nf.DataPlane.Frames;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Ports;
using Nf.Linux;
using Nf.SharedMemory.Segments;
using static Nf.Linux.IfXdp;

namespace Nf.DataPlane.Forwarding;

internal sealed unsafe partial class Forwarder
{
    /// <summary>Different UMEMs: each frame is copied once, into as few chunks of the other UMEM as hold it.</summary>
    private uint ForwardCopies(XskPort port, XskPort peer)
    {
        uint room = peer.MakeRoom(BurstMax + SegmentsMax);
        uint count = room < SegmentsMax ? Backpressure(port) : port.Rx.Peek(Math.Min(room, BurstMax), out _);
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
            if (segments == 0 || room - burst.TxDescriptors < peer.SegmentsMax)
            {
                // The burst ends inside a frame, or the TX ring is full: the rest stays for the next burst.
                port.Rx.Unpeek(count - used);
                break;
            }

            CopyFrame(port, peer, first + used, segments, ref burst);
            used += segments;
        }

        if (used == 0)
        {
            return count == BurstMax ? Discard(port, DropReason.TooManySegments) : 0;
        }

        peer.Tx.TryReserve(burst.TxDescriptors, out _);
        peer.Pool.Hold(fill: 0, tx: (int)burst.TxDescriptors);
        CommitCopies(port, peer, first, used, ref burst);
        return burst.RxPackets;
    }

    private static void CopyFrame(XskPort port, XskPort peer, uint first, uint segments, ref Burst burst)
    {
        uint length = FrameLength(port, first, segments, out bool valid);
        burst.RxPackets++;
        burst.RxBytes += length;
        uint chunkRoom = peer.Umem.Geometry.TxFrameBytesMax;
        uint needed = (length + chunkRoom - 1) / chunkRoom;
        DropReason? drop = !valid ? DropReason.InvalidDescriptor : WhyNotSendable(peer, length, needed);
        if (drop is null && peer.Umem.Pool.Count < needed)
        {
            peer.Pool.ReapCompletions();
            drop = peer.Umem.Pool.Count < needed ? DropReason.NoFreeChunk : null;
        }

        if (drop is { } reason)
        {
            burst.Drop(reason);
            return;
        }

        if (segments == 1 && needed == 1)
        {
            xdp_desc descriptor = port.Rx[first];
            CopyChunk(port, peer, descriptor, peer.Tx.Reserved + burst.TxDescriptors);
        }
        else
        {
            CopySegments(port, peer, first, needed, length, peer.Tx.Reserved + burst.TxDescriptors);
        }

        burst.TxDescriptors += needed;
        burst.TxPackets++;
        burst.TxBytes += length;
    }

    /// <summary>The common case: one chunk into one chunk.</summary>
    private static void CopyChunk(XskPort port, XskPort peer, xdp_desc descriptor, uint slot)
    {
        Umem to = peer.Umem;
        to.Pool.TryPop(out uint chunk);
        ulong address = to.AddressOf(chunk) + to.Geometry.TxMetadataBytes;

        // SAFETY: the source was checked by FrameLength to start in a chunk of ours, and DataOf keeps it inside the
        // UMEM; the target has TxFrameBytesMax bytes from this address on, and the length is not above that.
        byte* source = port.Umem.DataOf(descriptor.addr, descriptor.len);
        if (source != null)
        {
            Unsafe.CopyBlockUnaligned(to.Base + address, source, descriptor.len);
        }

        peer.Tx[slot] = new xdp_desc { addr = address, len = descriptor.len };
    }

    /// <summary>A stream of received segments into a stream of chunks to send, whose sizes differ.</summary>
    private static void CopySegments(XskPort port, XskPort peer, uint first, uint needed, uint length, uint slot)
    {
        Umem to = peer.Umem;
        uint room = to.Geometry.TxFrameBytesMax;
        xdp_desc from = port.Rx[first];
        uint fromOffset = 0;
        for (uint i = 0; i < needed; i++)
        {
            to.Pool.TryPop(out uint chunk);
            ulong address = to.AddressOf(chunk) + to.Geometry.TxMetadataBytes;
            uint part = Math.Min(room, length - (i * room));
            for (uint done = 0; done < part;)
            {
                if (fromOffset == from.len)
                {
                    from = port.Rx[++first];
                    fromOffset = 0;
                    continue;
                }

                uint step = Math.Min(part - done, from.len - fromOffset);

                // SAFETY: as in CopyChunk; done + step is at most part, which is at most the room of the target.
                byte* source = port.Umem.DataOf(from.addr, from.len);
                if (source != null)
                {
                    Unsafe.CopyBlockUnaligned(to.Base + address + done, source + fromOffset, step);
                }

                done += step;
                fromOffset += step;
            }

            peer.Tx[slot + i] = new xdp_desc
            {
                addr = address,
                len = part,
                options = i + 1 < needed ? XDP_PKT_CONTD : 0,
            };
        }
    }

    /// <summary>
    /// As <see cref="Commit"/>, with two ledgers: the chunks of the copies are the kernel's from the commit on, those
    /// of the originals are free after it.
    /// </summary>
    private void CommitCopies(XskPort port, XskPort peer, uint first, uint used, ref Burst burst)
    {
        Umem from = port.Umem;
        ushort fillOwner = port.Pool.FillOwner;
        bool sends = burst.TxDescriptors != 0;
        OpenRecord(port, sends ? peer : null, burst, copied: true);
        if (sends)
        {
            uint slot = peer.Tx.Reserved - burst.TxDescriptors;
            for (uint i = 0; i < burst.TxDescriptors; i++)
            {
                peer.Umem.TryChunkOf(peer.Tx[slot + i].addr, out uint chunk);
                peer.Umem.SetOwner(chunk, peer.Pool.TxOwner);
            }

            // The commit.
            peer.Tx.Submit();
            peer.NeedsFlush = true;
        }

        for (uint i = 0; i < used; i++)
        {
            if (from.TryChunkOf(port.Rx[first + i].addr, out uint chunk) && from.OwnerOf(chunk) == fillOwner)
            {
                from.Free(chunk);
                burst.Returned++;
            }
        }

        Finish(port, sends ? peer : null, burst);
    }
}
