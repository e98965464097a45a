using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Nf.DataPlane.Memory;

/// <summary>The free chunks of a UMEM: a stack, so that the chunk used next is the one touched last.</summary>
/// <remarks>
/// Lives in ordinary memory of the process: after a crash it is made anew from the ledger, where every chunk in it
/// stands as <see cref="ChunkOwner.Free"/>.
/// </remarks>
internal sealed unsafe class ChunkPool : IDisposable
{
    private readonly uint _capacity;
    private uint* _chunks;
    private uint _count;

    internal ChunkPool(uint capacity)
    {
        _capacity = capacity;

        // SAFETY: freed by Dispose only, which comes after the last use.
        _chunks = (uint*)NativeMemory.AlignedAlloc((nuint)capacity * sizeof(uint), 64);
    }

    /// <summary>How many chunks are free.</summary>
    internal uint Count => _count;

    /// <summary>Puts a chunk on the stack.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Push(uint chunk)
    {
        if (_count >= _capacity)
        {
            Overflow();
        }

        // SAFETY: _count is below the capacity, which is what was allocated.
        _chunks[_count++] = chunk;
    }

    /// <summary>Takes a chunk off the stack.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryPop(out uint chunk)
    {
        if (_count == 0)
        {
            chunk = 0;
            return false;
        }

        // SAFETY: _count - 1 is below the capacity.
        chunk = _chunks[--_count];
        return true;
    }

    /// <summary>How many chunks there is room for on top of the stack. Those that are written there, from the first on,
    /// are part of it after <see cref="Grow"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal uint Room(out uint* top)
    {
        // SAFETY: _count is at most the capacity.
        top = _chunks + _count;
        return _capacity - _count;
    }

    /// <summary>Makes what was written on top of the stack part of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Grow(uint count) => _count += count;

    /// <summary>Takes so many chunks off the stack, at most all; the last is the topmost. They can be read until the
    /// next is put there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal uint* Take(uint count)
    {
        _count -= count;

        // SAFETY: callers take no more than there are, so this is inside of what was allocated.
        return _chunks + _count;
    }

    /// <summary>The n-th chunk from the bottom, for audits.</summary>
    internal uint At(uint position)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(position, _count);

        // SAFETY: just checked.
        return _chunks[position];
    }

    public void Dispose()
    {
        // SAFETY: allocated by the constructor, and null after the first call, which frees nothing.
        NativeMemory.AlignedFree(_chunks);
        _chunks = null;
        _count = 0;
    }

    // More chunks than there are: one was given back twice. The ledger is wrong and with it everything after.
    private void Overflow() => throw new InvalidOperationException(
        $"chunk pool overflow: a chunk was freed twice ({_count} of {_capacity} free)");
}
