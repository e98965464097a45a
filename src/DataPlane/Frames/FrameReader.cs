using System.Runtime.CompilerServices;

namespace Nf.DataPlane.Frames;

/// <summary>Copies a frame out of where it lies, front to back, each byte once.</summary>
internal unsafe struct FrameReader
{
    private readonly FrameSpan* _more;
    private readonly uint _moreCount;
    private FrameSpan _span;
    private uint _next;
    private uint _offset;

    // SAFETY: the frame is one of the batch, whose spans it names; they stay until the batch is cleared. No more is
    // read of a span than its length, and of the frame than its spans have.
    internal FrameReader(FrameBatch batch, in Frame frame)
    {
        _more = batch.Spans + frame.MoreFirst;
        _moreCount = frame.MoreCount;
        _span = frame.First;
    }

    /// <summary>Copies the next bytes; what the frame does not have becomes zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Read(byte* target, uint length)
    {
        // SAFETY: the caller vouches for length bytes at the target, the constructor for those of the span.
        if (length <= _span.Length - _offset)
        {
            Unsafe.CopyBlockUnaligned(target, _span.Data + _offset, length);
            _offset += length;
            return;
        }

        ReadOn(target, length);
    }

    /// <summary>Goes on behind so many bytes.</summary>
    internal void Skip(uint length)
    {
        while (length > _span.Length - _offset)
        {
            length -= _span.Length - _offset;
            _offset = _span.Length;
            if (_next == _moreCount)
            {
                return;
            }

            // SAFETY: _next is below the number of further spans.
            _span = _more[_next++];
            _offset = 0;
        }

        _offset += length;
    }

    private void ReadOn(byte* target, uint length)
    {
        while (length != 0)
        {
            uint step = Math.Min(length, _span.Length - _offset);

            // SAFETY: as in Read; step is neither above what is left of the span nor of the target.
            Unsafe.CopyBlockUnaligned(target, _span.Data + _offset, step);
            target += step;
            length -= step;
            _offset += step;
            if (length == 0)
            {
                return;
            }

            if (_next == _moreCount)
            {
                Unsafe.InitBlockUnaligned(target, 0, length);
                return;
            }

            _span = _more[_next++];
            _offset = 0;
        }
    }
}
