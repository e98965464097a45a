using System.Runtime.CompilerServices;
using Nf.DataPlane.Frames;
using Nf.DataPlane.Memory;
using Nf.Linux;
using Nf.SharedMemory.Segments;
using static Nf.Linux.IfXdp;

namespace Nf.DataPlane.Ports;

/// <remarks>
/// Frames are copied into free chunks. A burst of them is committed by one store, the producer index of the TX ring:
/// the order is record, ledger, index, so that a next life frees what was not submitted and counts what was.
/// </remarks>
internal sealed unsafe partial class XskPort
{
    // Descriptors written behind _tx.Reserved and not committed, and what they are.
    private uint _written;
    private uint _writtenPackets;
    private ulong _writtenBytes;

    /// <inheritdoc/>
    internal override uint Room(uint wanted, uint packetsPerFrame)
    {
        uint each = packetsPerFrame * DescriptorsPerPacket;
        uint all = Math.Min(wanted * each, _tx.Size);
        uint free = _tx.Free(all);
        if (free < Math.Min(all, _tx.Size / 2))
        {
            free = MakeRoomSlow(all);
        }

        // A frame that may need more than the whole ring is tried when the ring is empty.
        return free == _tx.Size ? Math.Max(1, free / each) : free / each;
    }

    /// <inheritdoc/>
    internal override void Send(FrameSelection frames, ref Burst burst)
    {
        foreach (byte index in frames.Indices)
        {
            // SAFETY: a selection names frames of its batch.
            ref Frame frame = ref frames.Batch.Frames[index];
            DropReason? drop = frame.Offload.IsFinished
                ? Write(frames.Batch, frame, default)
                : WriteUnfinished(frames.Batch, frame);
            if (drop is { } reason)
            {
                burst.Drop(reason);
                continue;
            }

            burst.TxPackets++;
            burst.TxBytes += frame.Length;
        }

        Commit();
    }

    // Descriptors that a packet takes when it is as long as the device allows.
    private uint DescriptorsPerPacket
    {
        get
        {
            uint room = Umem.Geometry.TxFrameBytesMax;
            return SegmentsMax == 1 ? 1 : Math.Min(SegmentsMax, ((Math.Min(FrameBytesMax, 65536) + room - 1) / room));
        }
    }

    private DropReason? WriteUnfinished(FrameBatch batch, in Frame frame)
    {
        FrameFinisher finisher = Tools!.Finisher;
        if (frame.Offload.SegmentType == FrameOffload.SegmentNone)
        {
            if (frame.Length <= Umem.Geometry.TxFrameBytesMax)
            {
                // The common case: one copy, and the checksum over what was copied.
                return Write(batch, frame, frame.Offload);
            }

            return finisher.TryComplete(batch, frame)
                ? Write(finisher.Output, finisher.Output.Frames[0], default)
                : DropReason.BadOffload;
        }

        if (!finisher.TryBegin(batch, frame))
        {
            return DropReason.BadOffload;
        }

        if (finisher.SegmentFrameBytesMax > FrameBytesMax)
        {
            return DropReason.TooLarge;
        }

        // A frame of which a segment has left has left: its sender sends the others again.
        DropReason? first = null;
        bool left = false;
        while (finisher.NextSegments())
        {
            for (uint i = 0; i < finisher.Output.Count; i++)
            {
                // SAFETY: i is below the number of its frames.
                DropReason? drop = Write(finisher.Output, finisher.Output.Frames[i], default);
                left |= drop is null;
                first ??= drop;
            }
        }

        return left ? null : first;
    }

    /// <summary>Copies a frame into chunks and writes their descriptors.</summary>
    /// <param name="batch">The frame's.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="checksum">The checksum to complete; nothing for a frame of several chunks.</param>
    private DropReason? Write(FrameBatch batch, in Frame frame, FrameOffload checksum)
    {
        uint length = frame.Length;
        uint room = Umem.Geometry.TxFrameBytesMax;
        uint needed = (length + room - 1) / room;
        if (WhyNotSendable(length, needed) is { } reason)
        {
            return reason;
        }

        if (_tx.Free(_written + needed) < _written + needed && !TryMakeRoom(needed))
        {
            return DropReason.TxRingFull;
        }

        if (batch.CanMove && checksum.IsFinished && TryMove(frame))
        {
            return null;
        }

        if (Umem.Pool.Count < needed)
        {
            Pool.ReapCompletions();
            if (Umem.Pool.Count < needed)
            {
                return DropReason.NoFreeChunk;
            }
        }

        var reader = new FrameReader(batch, frame);
        for (uint i = 0; i < needed; i++)
        {
            Umem.Pool.TryPop(out uint chunk);
            ulong address = Umem.AddressOf(chunk) + Umem.Geometry.TxMetadataBytes;
            uint part = Math.Min(room, length - (i * room));

            // SAFETY: the chunk has TxFrameBytesMax bytes from this address on, and the part is not above that.
            byte* target = Umem.Base + address;
            reader.Read(target, part);
            if (!checksum.IsFinished && !ChecksumCompletion.TryComplete(target, part, checksum))
            {
                Umem.Pool.Push(chunk);
                return DropReason.BadOffload;
            }

            _tx[_tx.Reserved + _written + i] = new xdp_desc
            {
                addr = address,
                len = part,
                options = i + 1 < needed ? XDP_PKT_CONTD : 0,
            };
        }

        _written += needed;
        _writtenPackets++;
        _writtenBytes += length;
        return null;
    }

    // Its chunk leaves with it, when it is one of this UMEM. The ledger says so from the commit on, and whoever settles
    // the frame then leaves the chunk alone.
    private bool TryMove(in Frame frame)
    {
        if (frame.MoreCount != 0 || !Umem.TryChunkAt(frame.First.Data, out uint chunk)
            || (Umem.OwnerOf(chunk) & ChunkOwner.KindMask) != ChunkOwner.Worker)
        {
            return false;
        }

        // SAFETY: just checked that it lies in the UMEM.
        _tx[_tx.Reserved + _written] = new xdp_desc
        {
            addr = (ulong)(frame.First.Data - Umem.Base),
            len = frame.Length,
        };
        _written++;
        _writtenPackets++;
        _writtenBytes += frame.Length;
        return true;
    }

    private DropReason? WhyNotSendable(uint length, uint chunks)
    {
        if (length < FrameBytesMin)
        {
            return DropReason.TooShort;
        }

        if (length > FrameBytesMax)
        {
            return DropReason.TooLarge;
        }

        return chunks > SegmentsMax ? DropReason.TooManySegments : null;
    }

    // What is written goes out first: the device may take it at once.
    private bool TryMakeRoom(uint needed)
    {
        Commit();
        return needed <= _tx.Size && MakeRoomSlow(needed) >= needed;
    }

    /// <summary>Makes what was written count: record, ledger, index, counters.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Commit()
    {
        if (_written == 0)
        {
            return;
        }

        _tx.TryReserve(_written, out uint slot);

        // SAFETY: the record is in the state file, which stays mapped longer than any worker.
        WorkerRecord* record = Tools!.Record;
        record->RxPort = WorkerRecord.NoPort;
        record->TxPort = Slot;
        record->TxTarget = slot + _written;
        record->Copied = 1;
        record->TxPackets = Traffic.TxPackets + _writtenPackets;
        record->TxBytes = Traffic.TxBytes + _writtenBytes;

        // Release: an open record is a complete one.
        Volatile.Write(ref record->BurstOpen, 1u);
        for (uint i = 0; i < _written; i++)
        {
            Umem.TryChunkOf(_tx[slot + i].addr, out uint chunk);
            Umem.SetOwner(chunk, Pool.TxOwner);
        }

        // The commit.
        _tx.Submit();
        Traffic.TxPackets = record->TxPackets;
        Traffic.TxBytes = record->TxBytes;

        // Release: the record closes after everything it speaks of.
        Volatile.Write(ref record->BurstOpen, 0u);
        Pool.Hold(fill: 0, tx: (int)_written);
        NeedsFlush = true;
        _written = 0;
        _writtenPackets = 0;
        _writtenBytes = 0;
    }
}
