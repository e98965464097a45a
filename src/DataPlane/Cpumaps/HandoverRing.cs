using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Nf.Linux;

namespace Nf.DataPlane.Cpumaps;

/// <summary>
/// A bounded queue by which workers hand tokens to one other worker: any number of producers, one consumer, any size.
/// </summary>
/// <remarks>
/// <para>
/// A slot is empty while it is zero, so a token never is. Producers claim slots by moving one index, and a slot counts
/// when its token is in it: a consumer that finds the next one still empty waits for a producer that is between the
/// two.
/// </para>
/// <para>
/// Who sleeps says so first and then looks again (<see cref="TryDoze"/>); who pushes does it the other way round
/// (<see cref="Wake"/>). Each has a full fence between its two steps, so that never both miss the other.
/// </para>
/// </remarks>
internal sealed unsafe class HandoverRing : IDisposable
{
    /// <summary>Tokens that producers push together: CPU_MAP_BULK_SIZE of the kernel.</summary>
    internal const int BulkMax = 8;

    /// <summary>Largest queue of a cpumap's entry, as in the kernel (cpu_map_update_elem).</summary>
    internal const uint EntrySizeMax = 16384;

    private const int LineWords = 8;

    private readonly EventFd _event = EventFd.Create();
    private readonly uint _size;

    // SAFETY: three lines of words, then _size slots; from the constructor to Dispose.
    private ulong* _memory;

    // The consumer's own: how far it has looked, and which slot that is.
    private ulong _peeked;
    private ulong _releasedHere;
    private uint _peekedSlot;
    private uint _releasedSlot;

    /// <param name="size">Tokens it holds.</param>
    internal HandoverRing(uint size)
    {
        ArgumentOutOfRangeException.ThrowIfZero(size);
        _size = size;
        nuint words = (3 * LineWords) + (nuint)size;

        // SAFETY: freed by Dispose only, which comes after the last use by any worker.
        _memory = (ulong*)NativeMemory.AlignedAlloc(words * sizeof(ulong), 64);
        NativeMemory.Clear(_memory, words * sizeof(ulong));
    }

    /// <summary>Tokens it holds at most.</summary>
    internal uint Size => _size;

    /// <summary>Readable once <see cref="Wake"/> found the consumer asleep.</summary>
    internal FileDescriptor Readiness => _event.Descriptor;

    /// <summary>Tokens in it, those included that were looked at and not released. From any thread; a moment
    /// old.</summary>
    internal uint Level
    {
        get
        {
            ulong released = Volatile.Read(ref Released);
            return (uint)Math.Min(Volatile.Read(ref Claimed) - released, _size);
        }
    }

    /// <summary>True while <see cref="TryPeek"/> would find something. For the consumer only.</summary>
    internal bool HasTokens => Volatile.Read(ref Slots[_peekedSlot]) != 0 && _peeked - _releasedHere < _size;

    /// <summary>1 while the consumer sleeps or is about to.</summary>
    internal ref uint Asleep => ref *(uint*)(_memory + (2 * LineWords));

    // SAFETY: a line each, of the three that the constructor allocated before the slots.
    private ref ulong Claimed => ref _memory[0];

    private ref ulong Released => ref _memory[LineWords];

    private ulong* Slots => _memory + (3 * LineWords);

    /// <summary>Pushes as many of the tokens as there is room for, from the first on. From any thread.</summary>
    /// <param name="tokens">The tokens, none zero.</param>
    /// <returns>How many were pushed.</returns>
    internal int Push(ReadOnlySpan<ulong> tokens)
    {
        while (true)
        {
            ulong claimed = Volatile.Read(ref Claimed);

            // Read second: it may be ahead of a claim that is no longer true, and then the exchange fails.
            ulong free = _size - (claimed - Volatile.Read(ref Released));
            int count = (int)Math.Min(free, (ulong)tokens.Length);
            if (count == 0)
            {
                return 0;
            }

            if (Interlocked.CompareExchange(ref Claimed, claimed + (uint)count, claimed) == claimed)
            {
                Fill((uint)(claimed % _size), tokens[..count]);
                return count;
            }
        }
    }

    /// <summary>Wakes the consumer if it sleeps: after pushing, once for all that was pushed. From any
    /// thread.</summary>
    internal void Wake()
    {
        // Full fence between the tokens and the question: see TryDoze.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref Asleep) != 0 && Interlocked.Exchange(ref Asleep, 0) != 0)
        {
            _event.Signal();
        }
    }

    /// <summary>Looks at the next token; it stays until it is released.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryPeek(out ulong token)
    {
        // SAFETY: the slot's number is below _size. Acquire: what the token names was written before it.
        token = Volatile.Read(ref Slots[_peekedSlot]);
        if (token == 0 || _peeked - _releasedHere == _size)
        {
            token = 0;
            return false;
        }

        _peeked++;
        _peekedSlot = _peekedSlot + 1 == _size ? 0 : _peekedSlot + 1;
        return true;
    }

    /// <summary>Leaves the last token that was looked at for the next look.</summary>
    internal void Unpeek()
    {
        _peeked--;
        _peekedSlot = (_peekedSlot == 0 ? _size : _peekedSlot) - 1;
    }

    /// <summary>Gives the slots of all tokens that were looked at back to the producers.</summary>
    internal void Release()
    {
        while (_releasedHere != _peeked)
        {
            // SAFETY: as in TryPeek.
            Slots[_releasedSlot] = 0;
            _releasedSlot = _releasedSlot + 1 == _size ? 0 : _releasedSlot + 1;
            _releasedHere++;
        }

        // Release: a producer that sees the index sees the slots empty.
        Volatile.Write(ref Released, _releasedHere);
    }

    /// <summary>The consumer is about to sleep.</summary>
    /// <returns>False when there is something already: do not sleep.</returns>
    internal bool TryDoze()
    {
        // Full fence (Exchange) between the word and the last look: a producer whose token is missed here sees it.
        Interlocked.Exchange(ref Asleep, 1);
        return !HasTokens;
    }

    /// <summary>The consumer is awake.</summary>
    internal void Rouse() => Volatile.Write(ref Asleep, 0);

    /// <summary>Takes the signal that ended a sleep.</summary>
    /// <returns>False when there was none.</returns>
    internal bool Acknowledge() => _event.TryDrain();

    public void Dispose()
    {
        _event.Dispose();

        // SAFETY: allocated by the constructor; null after the first call, which frees nothing.
        NativeMemory.AlignedFree(_memory);
        _memory = null;
    }

    private void Fill(uint slot, ReadOnlySpan<ulong> tokens)
    {
        foreach (ulong token in tokens)
        {
            // SAFETY: below _size, and claimed by this caller alone. Release: what the token names comes before it.
            Volatile.Write(ref Slots[slot], token);
            slot = slot + 1 == _size ? 0 : slot + 1;
        }
    }
}
