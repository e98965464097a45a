using System.Runtime.InteropServices;

namespace Nf.DataPlane.Frames;

/// <summary>
/// Makes finished frames of unfinished ones, for receivers that take no others: checksums completed, large TCP frames
/// cut.
/// </summary>
internal sealed unsafe class FrameFinisher : IDisposable
{
    /// <summary>Room for finished frames; more than the largest has.</summary>
    private const uint ScratchBytes = 256 * 1024;

    private readonly TcpSegmenter _segmenter = new();
    private byte* _scratch;
    private uint _used;

    // SAFETY: freed by Dispose only, which comes after the last use.
    internal FrameFinisher() => _scratch = (byte*)NativeMemory.AlignedAlloc(ScratchBytes, 64);

    /// <summary>The finished frames; valid until the next call that makes some.</summary>
    internal FrameBatch Output { get; } = new();

    /// <summary>Bytes of the largest segment of the frame that was begun.</summary>
    internal uint SegmentFrameBytesMax => _segmenter.FrameBytesMax;

    /// <summary>Forgets what was made.</summary>
    internal void Clear()
    {
        Output.Clear();
        _used = 0;
    }

    /// <summary>Makes the finished twin of a frame whose checksum is to be completed, alone.</summary>
    /// <returns>False when the frame does not have the bytes that its offload names.</returns>
    internal bool TryComplete(FrameBatch batch, in Frame frame)
    {
        Clear();
        return ChecksumCompletion.IsPossible(frame.Offload, frame.Length) && TryAppendCompleted(batch, frame);
    }

    /// <summary>Appends a frame as it is, for the sake of order.</summary>
    /// <returns>False when there is no room left.</returns>
    internal bool TryAppend(FrameBatch batch, in Frame frame)
    {
        if (Output.Count == FrameBatch.CountMax || Output.SpanCount + frame.MoreCount > FrameBatch.SpanCountMax)
        {
            return false;
        }

        // SAFETY: both batches have the spans that the frame names: just checked for the one, vouched for by whoever
        // received it for the other.
        for (uint i = 0; i < frame.MoreCount; i++)
        {
            Output.Spans[Output.SpanCount + i] = batch.Spans[frame.MoreFirst + i];
        }

        Frame* copy = &Output.Frames[Output.Count++];
        *copy = frame;
        copy->MoreFirst = Output.SpanCount;
        Output.SpanCount += frame.MoreCount;
        return true;
    }

    /// <summary>Appends a frame with its checksum completed; it must have the bytes for that.</summary>
    /// <returns>False when there is no room left.</returns>
    internal bool TryAppendCompleted(FrameBatch batch, in Frame frame)
    {
        if (Output.Count == FrameBatch.CountMax || frame.Length > ScratchBytes - _used)
        {
            return false;
        }

        // SAFETY: just checked that the frame fits behind what is used.
        byte* target = _scratch + _used;
        new FrameReader(batch, frame).Read(target, frame.Length);
        ChecksumCompletion.TryComplete(target, frame.Length, frame.Offload);
        Append(target, frame.Length);
        return true;
    }

    /// <summary>Begins to cut a large frame; <see cref="NextSegments"/> makes the segments.</summary>
    /// <returns>False when its bytes do not allow what its offload asks for.</returns>
    internal bool TryBegin(FrameBatch batch, in Frame frame) => _segmenter.TryBegin(batch, frame);

    /// <summary>Makes as many segments as fit.</summary>
    /// <returns>False when all were made before.</returns>
    internal bool NextSegments()
    {
        Clear();
        while (_segmenter.HasMore && Output.Count < FrameBatch.CountMax
            && ScratchBytes - _used >= _segmenter.FrameBytesMax)
        {
            // SAFETY: just checked that the largest segment fits behind what is used.
            byte* target = _scratch + _used;
            Append(target, _segmenter.Write(target));
        }

        return Output.Count != 0;
    }

    public void Dispose()
    {
        _segmenter.Dispose();
        Output.Dispose();

        // SAFETY: allocated by the constructor; null after the first call, which frees nothing.
        NativeMemory.AlignedFree(_scratch);
        _scratch = null;
    }

    private void Append(byte* data, uint length)
    {
        // SAFETY: Count is below CountMax: both callers asked.
        Output.Frames[Output.Count++] = new Frame
        {
            First = new FrameSpan { Data = data, Length = length },
            Length = length,
        };
        _used += length;
    }
}
