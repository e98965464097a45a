using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Nf.DataPlane.Frames;
using Nf.DataPlane.Vhost.Memory;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Vhost.Rings;

/// <content>The way of frames whose chain is one descriptor, which is nearly all: in two passes over a burst, so that
/// all lines are on their way before the first is looked at.</content>
internal abstract unsafe partial class Virtqueue
{
    private uint TakeSimple(FrameBatch batch, uint count, ref Burst burst)
    {
        uint gathered = GatherReadable(count);
        if (gathered == 0)
        {
            return 0;
        }

        // SAFETY: the slots below gathered were filled and checked; the caller keeps batch.Count + count within the
        // batch. Headers may have any alignment.
        BurstSlot* slots = Slots;
        Frame* frames = batch.Frames + batch.Count;
        Frame* frame = frames;
        uint header = HeaderBytes;
        ulong bytes = 0;
        for (uint i = 0; i < gathered; i++)
        {
            byte* data = slots[i].Data;
            uint length = slots[i].Length - header;
            ushort kind = Unsafe.ReadUnaligned<ushort>(data);
            FrameOffload offload = default;
            if (kind != 0 && !TryReadOffload(data, length, ref offload, ref burst))
            {
                continue;
            }

            frame->First.Data = data + header;
            frame->First.Length = length;
            frame->Length = length;
            frame->MoreFirst = 0;
            frame->MoreCount = 0;
            frame->Offload = offload;
            frame->Cookie = 0;
            bytes += length;
            frame++;
        }

        uint added = (uint)(frame - frames);
        batch.Count += added;
        burst.RxPackets += added;
        burst.RxBytes += bytes;
        AppendSlots(gathered, wasWritten: false);
        return gathered;
    }

    private uint FillSimple(FrameBatch batch, ReadOnlySpan<byte> indices, ref Burst burst)
    {
        uint gathered = GatherWritable(batch, indices);
        if (gathered == 0)
        {
            return 0;
        }

        // SAFETY: the slots below gathered were filled and checked to have room for header and frame.
        BurstSlot* slots = Slots;
        DirtyLog? log = Setup.Log;
        uint header = HeaderBytes;
        ulong bytes = 0;
        for (uint i = 0; i < gathered; i++)
        {
            Frame* frame = batch.Frames + indices[(int)i];
            byte* data = slots[i].Data;
            uint length = frame->Length;
            WriteHeaderIfOther(data, frame->Offload, header);
            if (frame->MoreCount == 0)
            {
                FrameCopy.Copy(data + header, frame->First.Data, length);
            }
            else
            {
                new FrameReader(batch, *frame).Read(data + header, length);
            }

            log?.Mark(slots[i].GuestAddress, header + length);
            slots[i].Length = header + length;
            bytes += length;
        }

        burst.TxPackets += gathered;
        burst.TxDescriptors += gathered;
        burst.TxBytes += bytes;
        AppendSlots(gathered, wasWritten: true);
        return gathered;
    }

    /// <summary>Reads what a header before a frame asks for; drops the frame when that is not allowed.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryReadOffload(byte* data, uint length, ref FrameOffload offload, ref Burst burst)
    {
        NetHeader header = default;

        // SAFETY: the caller found header and frame at data. Each byte is read once; the copy is judged.
        header.Low = Unsafe.ReadUnaligned<ulong>(data);
        header.ChecksumOffset = Unsafe.ReadUnaligned<ushort>(data + 8);
        if (header.TryJudge(Setup.Features, length, out offload))
        {
            return true;
        }

        Drop(length, DropReason.BadOffload, ref burst);
        return false;
    }

    /// <summary>Writes the header of a frame in one buffer, unless it stands there already: a line that is only read
    /// stays with the driver too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteHeaderIfOther(byte* data, in FrameOffload offload, uint headerBytes)
    {
        NetHeader header = NetHeader.Of(offload, 1);

        // SAFETY: the caller found room for headerBytes, which is 10 or 12, at data.
        if (Unsafe.ReadUnaligned<ulong>(data) != header.Low)
        {
            Unsafe.WriteUnaligned(data, header.Low);
        }

        if (headerBytes == NetHeader.BytesFull)
        {
            if (Unsafe.ReadUnaligned<uint>(data + 8) != header.High)
            {
                Unsafe.WriteUnaligned(data + 8, header.High);
            }
        }
        else if (Unsafe.ReadUnaligned<ushort>(data + 8) != header.ChecksumOffset)
        {
            Unsafe.WriteUnaligned(data + 8, header.ChecksumOffset);
        }
    }

    /// <summary>Whether so many bytes are a header and a frame of a legal length.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected static bool IsFrame(uint bytes, uint headerBytes) =>
        bytes - headerBytes - NetHeader.FrameBytesMin <= NetHeader.FrameBytesMax - NetHeader.FrameBytesMin;

    /// <summary>Asks for the header line, and the one behind it, where most of a small frame is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected static void Prefetch(byte* buffer)
    {
        if (Sse.IsSupported)
        {
            // SAFETY: a prefetch does not fault, wherever it points.
            Sse.Prefetch0(buffer);
            Sse.Prefetch0(buffer + 64);
        }
    }

    private static void DropAll(int count, DropReason reason, ref Burst burst)
    {
        for (int i = 0; i < count; i++)
        {
            burst.Drop(reason);
        }
    }
}
