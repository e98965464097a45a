using System.Runtime.CompilerServices;

namespace Nf.SharedMemory.Rings;

/// <summary>
/// The slots of a ring, as a value that a loop keeps in registers. The loops over bursts store into shared memory, and
/// behind each such store the compiler reads every field of a class or ring anew.
/// </summary>
/// <typeparam name="T">An entry.</typeparam>
public readonly unsafe struct RingSlots<T>
    where T : unmanaged
{
    private readonly T* _slots;
    private readonly uint _mask;

    internal RingSlots(T* slots, uint size)
    {
        _slots = slots;
        _mask = size - 1;
    }

    /// <summary>The slot at an index; indexes run freely, and the mask folds them onto the ring. Only slots that were
    /// peeked at or reserved are the caller's.</summary>
    public ref T this[uint index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            // SAFETY: the mask keeps the index below the ring's size, and its mapping holds that many slots.
            return ref _slots[index & _mask];
        }
    }
}
