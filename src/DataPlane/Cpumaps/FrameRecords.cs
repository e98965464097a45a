using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Nf.DataPlane.Frames;
using Nf.DataPlane.Memory;

namespace Nf.DataPlane.Cpumaps;

/// <summary>
/// The records of the frames that a worker has handed over, and memory for copies of those that cannot leave where they
/// lie. Belongs to that worker; others read records while they have the frame.
/// </summary>
internal sealed unsafe class FrameRecords : IDisposable
{
    /// <summary>Frames and further stretches on their way: four full queues. Arbitrary.</summary>
    internal const uint CountMax = 4 * HandoverRing.EntrySizeMax;

    /// <summary>Bytes of a block for copies: an MTU of 1500 fits in one.</summary>
    internal const uint BlockBytes = 2048;

    private readonly ChunkPool _free;
    private readonly ChunkPool _freeBlocks;
    private readonly uint _blockCount;
    private CrossedFrame* _records;
    private byte* _blocks;

    /// <param name="count">Records there are.</param>
    /// <param name="blocks">Blocks there are.</param>
    internal FrameRecords(uint count = CountMax, uint blocks = HandoverRing.EntrySizeMax)
    {
        Capacity = count;
        _blockCount = blocks;
        _free = new ChunkPool(count);
        _freeBlocks = new ChunkPool(blocks);

        // SAFETY: freed by Dispose only, after the last use. Nobody touches what is never used, so that it costs no
        // memory but addresses.
        _records = (CrossedFrame*)NativeMemory.AlignedAlloc((count + 1) * (nuint)sizeof(CrossedFrame), 64);
        _blocks = (byte*)NativeMemory.AlignedAlloc((nuint)blocks * BlockBytes, 64);
        for (uint record = count; record != 0; record--)
        {
            _free.Push(record);
        }

        for (uint block = blocks; block-- != 0;)
        {
            _freeBlocks.Push(block);
        }
    }

    /// <summary>Records there are.</summary>
    internal uint Capacity { get; }

    /// <summary>Records that are free.</summary>
    internal uint FreeCount => _free.Count;

    /// <summary>Blocks that are free.</summary>
    internal uint FreeBlockCount => _freeBlocks.Count;

    /// <summary>A record.</summary>
    /// <param name="number">Its number, from a token of this home.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal CrossedFrame* At(uint number) => _records + number;

    /// <summary>Describes a frame that stays where it is.</summary>
    /// <returns>The number of its record; 0 when there are no records for it.</returns>
    internal uint Describe(FrameBatch batch, in Frame frame, ushort route)
    {
        if (_free.Count <= frame.MoreCount)
        {
            return 0;
        }

        uint first = Take(frame.First);
        uint last = first;
        for (uint i = 0; i < frame.MoreCount; i++)
        {
            // SAFETY: the frame is one of the batch, whose spans it names.
            uint next = Take(batch.Spans[frame.MoreFirst + i]);
            At(last)->Next = next;
            last = next;
        }

        Complete(first, frame, route, frame.MoreCount);
        return first;
    }

    /// <summary>Copies a frame into blocks, each of its bytes once, and describes the copy.</summary>
    /// <returns>The number of its record; 0 when there are no records or blocks for it.</returns>
    internal uint Copy(FrameBatch batch, in Frame frame, ushort route)
    {
        uint blocks = (frame.Length + BlockBytes - 1) / BlockBytes;
        if (_free.Count < blocks || _freeBlocks.Count < blocks || blocks == 0)
        {
            return 0;
        }

        var reader = new FrameReader(batch, frame);
        uint first = 0;
        uint last = 0;
        for (uint i = 0; i < blocks; i++)
        {
            _freeBlocks.TryPop(out uint block);

            // SAFETY: the block is one of ours and has BlockBytes bytes, and no more is read.
            byte* target = _blocks + ((nuint)block * BlockBytes);
            uint part = Math.Min(BlockBytes, frame.Length - (i * BlockBytes));
            reader.Read(target, part);
            uint record = Take(new FrameSpan { Data = target, Length = part });
            if (i == 0)
            {
                first = record;
            }
            else
            {
                At(last)->Next = record;
            }

            last = record;
        }

        Complete(first, frame, route, blocks - 1);
        return first;
    }

    /// <summary>Gives back a record, and its block when it has one.</summary>
    internal void Free(uint number)
    {
        // SAFETY: a number that Describe or Copy gave. Unsigned: memory below the blocks is far above their end.
        nuint offset = (nuint)(At(number)->Span.Data - _blocks);
        if (offset < (nuint)_blockCount * BlockBytes)
        {
            _freeBlocks.Push((uint)(offset / BlockBytes));
        }

        _free.Push(number);
    }

    public void Dispose()
    {
        _free.Dispose();
        _freeBlocks.Dispose();

        // SAFETY: allocated by the constructor; null after the first call, which frees nothing.
        NativeMemory.AlignedFree(_records);
        NativeMemory.AlignedFree(_blocks);
        _records = null;
        _blocks = null;
    }

    private uint Take(FrameSpan span)
    {
        _free.TryPop(out uint number);

        // SAFETY: the pool has numbers of records only, and the callers asked how many are in it.
        CrossedFrame* record = At(number);
        record->Span = span;
        record->Next = 0;
        return number;
    }

    private void Complete(uint number, in Frame frame, ushort route, uint moreCount)
    {
        // SAFETY: a number that Take just gave.
        CrossedFrame* record = At(number);
        record->Length = frame.Length;
        record->MoreCount = moreCount;
        record->Route = route;
        record->Offload = frame.Offload;
    }
}
