using System.Runtime.InteropServices;
using Nf.SharedMemory.Rings;

namespace Nf.SharedMemory.Tests.Rings;

/// <summary>A ring on plain memory, each part on a line of its own; the test is the other side.</summary>
internal sealed unsafe class RingMemory : IDisposable
{
    private const int LineBytes = 64;

    private readonly byte* _memory;
    private readonly RingSize _size;

    internal RingMemory(uint size, uint start = 0)
    {
        _size = new RingSize(size);
        nuint bytes = (nuint)((3 * LineBytes) + (size * sizeof(ulong)));

        // SAFETY: freed once, in Dispose; three lines for the indexes and flags, then the slots.
        _memory = (byte*)NativeMemory.AlignedAlloc(bytes, LineBytes);
        NativeMemory.Clear(_memory, bytes);
        Producer = start;
        Consumer = start;
    }

    internal ref uint Producer => ref *(uint*)_memory;

    internal ref uint Consumer => ref *(uint*)(_memory + LineBytes);

    internal ref uint Flags => ref *(uint*)(_memory + (2 * LineBytes));

    internal ref ulong Slot(uint index) =>
        ref ((ulong*)(_memory + (3 * LineBytes)))[index & (_size.Value - 1)];

    internal ProducerRing<ulong> CreateProducer() => new(
        (uint*)_memory, (uint*)(_memory + LineBytes), (uint*)(_memory + (2 * LineBytes)),
        (ulong*)(_memory + (3 * LineBytes)), _size);

    internal ConsumerRing<ulong> CreateConsumer() => new(
        (uint*)_memory, (uint*)(_memory + LineBytes), (uint*)(_memory + (2 * LineBytes)),
        (ulong*)(_memory + (3 * LineBytes)), _size);

    public void Dispose() => NativeMemory.AlignedFree(_memory);
}
