using System.Runtime.CompilerServices;
using Nf.DataPlane.Frames;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Ports;
using Nf.Linux;
using Nf.SharedMemory.Rings;
using Nf.SharedMemory.Segments;
using static Nf.Linux.IfXdp;

namespace Nf.DataPlane.Forwarding;

/// <summary>
/// Moves a burst of frames from the RX ring of a port to where they go. The only code that touches every packet.
/// </summary>
/// <remarks>
/// A burst has one destination and is committed by one store, the producer index of the TX ring; see
/// <see cref="WorkerRecord"/>. Where the TX ring is full the frames stay in the RX ring, so that the kernel drops, and
/// counts, before it has copied anything.
/// </remarks>
/// <param name="tools">What the worker lends its ports.</param>
internal sealed unsafe partial class Forwarder(PortTools tools)
{
    /// <summary>
    /// Most descriptors of a burst: what the kernel sends in one call by default, and no less than a frame of
    /// XDP_MAX_SKB_FRAGS segments. Twice as many cost 3 % on veth, where an skb is freed warm or cold.
    /// </summary>
    internal const uint BurstMax = 32;

    /// <summary>Bytes of an Ethernet header: the kernel sends nothing shorter.</summary>
    private const uint FrameBytesMin = XskPort.FrameBytesMin;

    private readonly PortTools _tools = tools;
    private readonly WorkerRecord* _record = tools.Record;

    /// <summary>Receives one burst on a port and sends it on its way.</summary>
    /// <returns>Packets received.</returns>
    internal uint Run(XskPort port)
    {
        if (port.Peer is not XskPort peer)
        {
            return port.Peer is null && port.Switch is null ? Discard(port, DropReason.NoLink) : Walk(port);
        }

        if (!peer.IsUp)
        {
            return Discard(port, DropReason.PeerDown);
        }

        if (!ReferenceEquals(port.Umem, peer.Umem))
        {
            return ForwardCopies(port, peer);
        }

        return port.SegmentsMax == 1 ? Forward(port, peer) : ForwardSegments(port, peer);
    }

    /// <summary>Same UMEM, one chunk a frame: only descriptors move.</summary>
    private uint Forward(XskPort port, XskPort peer)
    {
        uint room = peer.MakeRoom(BurstMax);
        uint count = room == 0 ? Backpressure(port) : port.Rx.Peek(room, out _);
        if (count == 0)
        {
            return 0;
        }

        Umem umem = port.Umem;
        ChunkTable chunks = umem.Chunks;
        RingSlots<xdp_desc> received = port.Rx.Slots;
        RingSlots<xdp_desc> sent = peer.Tx.Slots;
        uint first = port.Rx.Peeked - count;
        uint slot = peer.Tx.Reserved;
        ushort fillOwner = port.Pool.FillOwner;
        ushort txOwner = peer.Pool.TxOwner;
        uint lengthRange = peer.FrameBytesMax - FrameBytesMin;
        var burst = default(Burst);
        for (uint i = 0; i < count; i++)
        {
            xdp_desc descriptor = received[first + i];
            burst.RxBytes += descriptor.len;
            if (!chunks.TryChunkOf(descriptor.addr, out uint chunk) || chunks.OwnerOf(chunk) != fillOwner)
            {
                burst.Drop(DropReason.InvalidDescriptor);
                continue;
            }

            burst.Returned++;

            // One unsigned comparison for both ends of the range.
            if (descriptor.len - FrameBytesMin > lengthRange)
            {
                umem.Free(chunk);
                burst.Drop(descriptor.len < FrameBytesMin ? DropReason.TooShort : DropReason.TooLarge);
                continue;
            }

            descriptor.options = 0;
            sent[slot + burst.TxDescriptors++] = descriptor;
            chunks.SetOwner(chunk, txOwner);
            burst.TxBytes += descriptor.len;
        }

        burst.RxPackets = count;
        burst.TxPackets = burst.TxDescriptors;
        peer.Tx.TryReserve(burst.TxDescriptors, out _);
        peer.Pool.Hold(fill: 0, tx: (int)burst.TxDescriptors);
        Commit(port, peer, burst, copied: false);
        return count;
    }

    /// <summary>Receives a burst and gives its chunks back: there is nowhere to send it.</summary>
    private uint Discard(XskPort port, DropReason reason)
    {
        uint peeked = port.Rx.Peek(BurstMax, out uint first);

        // Whole frames only: the link may be back with the next burst, and must not see half of one.
        uint count = WholeFrames(port, first, peeked);
        if (count == 0 && peeked == BurstMax)
        {
            // One frame longer than a burst: small chunks and a jumbo MTU make such. All of it goes, or its tail would
            // pass for a frame. One without an end, which no kernel sends, goes as far as it is there.
            peeked += port.Rx.Peek(port.Rx.Size, out _);
            count = port.FrameSegments(first, peeked) is var segments and not 0 ? segments : peeked;
        }

        port.Rx.Unpeek(peeked - count);
        if (count == 0)
        {
            return 0;
        }

        ChunkPool pool = port.Umem.Pool;
        ChunkTable chunks = port.Umem.Chunks;
        RingSlots<xdp_desc> slots = port.Rx.Slots;
        ushort fillOwner = port.Pool.FillOwner;
        uint room = pool.Room(out uint* freed);
        uint returned = 0, packets = 0, invalid = 0;
        ulong bytes = 0;
        for (uint i = 0; i < count; i++)
        {
            xdp_desc descriptor = slots[first + i];
            bytes += descriptor.len;
            bool valid = chunks.TryChunkOf(descriptor.addr, out uint chunk) && chunks.OwnerOf(chunk) == fillOwner
                && returned < room;
            if (valid)
            {
                chunks.SetOwner(chunk, ChunkOwner.Free);

                // SAFETY: there is room for it.
                freed[returned++] = chunk;
            }

            if ((descriptor.options & XDP_PKT_CONTD) == 0 || (packets == 0 && i + 1 == count))
            {
                packets++;
                invalid += valid ? 0u : 1u;
            }
        }

        pool.Grow(returned);
        var burst = default(Burst);
        burst.RxPackets = packets;
        burst.RxBytes = bytes;
        burst.Returned = returned;
        burst.Drop(DropReason.InvalidDescriptor, invalid);
        burst.Drop(reason, packets - invalid);
        Commit(port, null, burst, copied: false);
        return packets;
    }

    /// <summary>Writes down what the burst is, commits it, and does what follows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Commit(XskPort port, XskPort? peer, in Burst burst, bool copied)
    {
        bool sends = burst.TxDescriptors != 0;
        OpenRecord(port, sends ? peer : null, burst, copied);
        if (sends)
        {
            // The commit.
            peer!.Tx.Submit();
            peer.NeedsFlush = true;
        }

        Finish(port, sends ? peer : null, burst);
    }

    private void OpenRecord(XskPort port, XskPort? peer, in Burst burst, bool copied)
    {
        // SAFETY: the record is in the state file, which stays mapped longer than any worker.
        WorkerRecord* record = _record;
        record->TxPort = peer is null ? WorkerRecord.NoPort : peer.Slot;
        record->RxTarget = port.Rx.Peeked;
        record->TxTarget = peer is null ? 0 : peer.Tx.Reserved;
        record->Copied = copied ? 1u : 0u;
        if (peer is not null)
        {
            record->TxPackets = peer.Traffic.TxPackets + burst.TxPackets;
            record->TxBytes = peer.Traffic.TxBytes + burst.TxBytes;
        }

        OpenRecord(port, burst);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void OpenRecord(Port port, in Burst burst)
    {
        // SAFETY: as above.
        WorkerRecord* record = _record;
        ref PortTraffic rx = ref port.Traffic;
        record->RxPort = port.Slot;
        record->DropReason = (uint)burst.LastDropReason;
        record->DropsTotal = burst.Dropped == 0 ? 0 : port.DropsTotal() + burst.Dropped;
        record->RxPackets = rx.RxPackets + burst.RxPackets;
        record->RxBytes = rx.RxBytes + burst.RxBytes;
        record->LinkPackets = rx.LinkPackets + burst.TxPackets;
        record->LinkBytes = rx.LinkBytes + burst.TxBytes;

        // Release: an open record is a complete one.
        Volatile.Write(ref record->BurstOpen, 1u);
    }

    private void Finish(XskPort port, XskPort? peer, in Burst burst)
    {
        port.Rx.Release();
        port.Pool.Hold(fill: -(int)burst.Returned, tx: 0);
        CloseRecord(port, peer, burst);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void CloseRecord(Port port, XskPort? peer, in Burst burst)
    {
        // SAFETY: as in OpenRecord.
        WorkerRecord* record = _record;
        ref PortTraffic rx = ref port.Traffic;
        rx.RxPackets = record->RxPackets;
        rx.RxBytes = record->RxBytes;
        rx.LinkPackets = record->LinkPackets;
        rx.LinkBytes = record->LinkBytes;
        rx.RxBatches++;
        if (burst.Dropped != 0)
        {
            CountDrops(port, burst);
        }

        if (peer is not null)
        {
            peer.Traffic.TxPackets = record->TxPackets;
            peer.Traffic.TxBytes = record->TxBytes;
        }

        // Release: the record closes after everything it speaks of.
        Volatile.Write(ref record->BurstOpen, 0u);
    }

    private static void CountDrops(Port port, in Burst burst)
    {
        // One reason as a rule.
        if (burst.Drops[(int)burst.LastDropReason] == burst.Dropped)
        {
            port.Drops[(int)burst.LastDropReason] += burst.Dropped;
            return;
        }

        for (int reason = 0; reason < DropReasons.Count; reason++)
        {
            port.Drops[reason] += burst.Drops[reason];
        }
    }

    private static uint Backpressure(Port port)
    {
        if (port.HasFrames)
        {
            port.Rings.Backpressure++;
        }

        return 0;
    }
}
