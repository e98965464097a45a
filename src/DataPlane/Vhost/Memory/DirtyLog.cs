using Nf.Linux;

namespace Nf.DataPlane.Vhost.Memory;

/// <summary>The bitmap in which a migrating front-end learns which pages we wrote: one bit per 4096 bytes.</summary>
/// <remarks>
/// Page p of the guest is bit p % 8 of byte p / 8. Other back-ends set bits in the same file, and the front-end takes
/// them away by exchange, so every change is atomic.
/// </remarks>
internal sealed unsafe class DirtyLog : IDisposable
{
    private const int PageShift = 12;
    private readonly PeerMapping _mapping;

    // The log begins at any byte; atomics need aligned words, so bits are counted from the word it begins in.
    private readonly long* _words;
    private readonly ulong _firstBit;
    private readonly ulong _pageCount;
    private long _outOfRange;
    private bool _disposed;

    private DirtyLog(PeerMapping mapping)
    {
        _mapping = mapping;
        _pageCount = mapping.SizeBytes * 8;

        // SAFETY: the mapping begins at a page and its base behind that, so the word around the base is mapped, too.
        nuint misalignment = (nuint)mapping.Base % sizeof(long);
        _words = (long*)(mapping.Base - misalignment);
        _firstBit = misalignment * 8;
    }

    /// <summary>Its size in bytes: any, not only whole words.</summary>
    internal ulong SizeBytes => _mapping.SizeBytes;

    /// <summary>Where it begins in its file.</summary>
    internal ulong Offset => _mapping.Offset;

    /// <summary>A descriptor of its file; it stays its own.</summary>
    internal FileDescriptor File => _mapping.File;

    /// <summary>True once its file shrank under us.</summary>
    internal bool IsLost => _mapping.IsLost;

    /// <summary>Pages written that the log has no bit for, which were not recorded.</summary>
    internal ulong OutOfRange => (ulong)Interlocked.Read(ref _outOfRange);

    /// <summary>Maps a log (SET_LOG_BASE).</summary>
    /// <exception cref="VhostRefusedException">Size or offset break a rule, or it cannot be mapped.</exception>
    internal static DirtyLog Map(FileDescriptor file, ulong sizeBytes, ulong offset) =>
        new(PeerMapping.Map(file, offset, sizeBytes, "dirty log"));

    /// <summary>Records that a range of guest memory was written; after the write, before the guest can know of
    /// it.</summary>
    /// <param name="guestAddress">Any value.</param>
    /// <param name="length">Any value; what goes beyond the log is counted instead.</param>
    internal void Mark(ulong guestAddress, ulong length)
    {
        if (length == 0)
        {
            return;
        }

        ulong page = guestAddress >> PageShift;
        ulong last = length - 1 > ulong.MaxValue - guestAddress
            ? ulong.MaxValue >> PageShift
            : (guestAddress + (length - 1)) >> PageShift;
        if (last >= _pageCount)
        {
            Interlocked.Add(ref _outOfRange, (long)(last - Math.Max(page, _pageCount) + 1));
            if (page >= _pageCount)
            {
                return;
            }

            last = _pageCount - 1;
        }

        SetBits(_firstBit + page, _firstBit + last);
    }

    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _mapping.Release();
        }
    }

    private void SetBits(ulong first, ulong last)
    {
        ulong lastWord = last / 64;
        for (ulong word = first / 64; word <= lastWord; word++)
        {
            ulong mask = ulong.MaxValue;
            mask = word == first / 64 ? mask << (int)(first % 64) : mask;
            mask = word == lastWord ? mask & (ulong.MaxValue >> (63 - (int)(last % 64))) : mask;

            // SAFETY: every bit of the mask belongs to a byte of the log. The other bytes of a word at either end stay
            // as they are, and are mapped, since an aligned word does not cross a page.
            // A full barrier: the page's data is visible before its bit, and the bit before whatever tells the guest.
            Interlocked.Or(ref _words[word], (long)mask);
        }
    }
}
