using System.Runtime.CompilerServices;

namespace Nf.DataPlane.Memory;

/// <summary>
/// Which chunk an address lies in, and who has it: what a <see cref="Umem"/> tells of its chunks, as a value that a
/// loop over a burst keeps in registers (see <see cref="Nf.SharedMemory.Rings.RingSlots{T}"/>).
/// </summary>
internal readonly unsafe struct ChunkTable
{
    /// <summary>Unaligned mode keeps the offset in the upper 16 bits of an address
    /// (XSK_UNALIGNED_BUF_OFFSET_SHIFT).</summary>
    internal const ulong UnalignedBaseMask = (1UL << 48) - 1;

    private readonly ushort* _ledger;
    private readonly ulong _stride;
    private readonly int _shift;
    private readonly uint _count;

    /// <param name="ledger">An owner for each chunk.</param>
    /// <param name="stride">Bytes from one chunk to the next.</param>
    /// <param name="shift">The same as a power of two; 0 in unaligned mode.</param>
    /// <param name="count">Chunks.</param>
    internal ChunkTable(ushort* ledger, ulong stride, int shift, uint count)
    {
        _ledger = ledger;
        _stride = stride;
        _shift = shift;
        _count = count;
    }

    /// <summary>Finds the chunk that an address of a descriptor lies in.</summary>
    /// <returns>False when the address is outside the UMEM.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryChunkOf(ulong address, out uint chunk)
    {
        ulong index = _shift != 0 ? address >> _shift : (address & UnalignedBaseMask) / _stride;
        chunk = (uint)index;
        return index < _count;
    }

    /// <summary>Address of a chunk's first byte, as rings want it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ulong AddressOf(uint chunk) => chunk * _stride;

    /// <summary>The owner and pool of a chunk.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ushort OwnerOf(uint chunk)
    {
        // SAFETY: callers hold a chunk number that TryChunkOf or the pool gave them, below _count.
        return _ledger[chunk];
    }

    /// <summary>Writes the owner and pool of a chunk.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void SetOwner(uint chunk, ushort owner)
    {
        // SAFETY: as in OwnerOf. Volatile, so that the order in which a life writes the ledger, its record and the
        // rings is the order in which its successor finds them.
        Volatile.Write(ref _ledger[chunk], owner);
    }
}
