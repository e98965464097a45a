using System.Runtime.CompilerServices;

namespace Nf.Client;

/// <summary>Where a chunk is.</summary>
internal enum ChunkPlace : byte
{
    /// <summary>Nobody's: ready for the fill ring or a frame to send.</summary>
    Free = 0,

    /// <summary>Given to the kernel to receive into, until it is taken out of the RX ring.</summary>
    Fill = 1,

    /// <summary>Given to the kernel to send, until it is taken out of the completion ring.</summary>
    Tx = 2,

    /// <summary>Received, and not given back yet.</summary>
    Held = 3,
}

/// <summary>
/// Which chunk is where: a byte for each, in memory that lives as long as the lease, so that a process that takes it up
/// knows what the one before it knew. The kernel never tells which chunks it holds.
/// </summary>
internal sealed unsafe class ChunkNotes
{
    // SAFETY: the maker passes memory of at least count bytes that outlives this object; every index is checked.
    private readonly byte* _places;

    internal ChunkNotes(byte* places, uint count)
    {
        _places = places;
        Count = count;
    }

    /// <summary>Chunks there are.</summary>
    internal uint Count { get; }

    /// <summary>Where a chunk is.</summary>
    internal ChunkPlace this[uint chunk]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(chunk, Count);
            return (ChunkPlace)_places[chunk];
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        set
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(chunk, Count);
            _places[chunk] = (byte)value;
        }
    }

    /// <summary>Bytes for so many chunks.</summary>
    internal static uint BytesFor(uint count) => count;
}
