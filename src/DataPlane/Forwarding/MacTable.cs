using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Nf.DataPlane.Forwarding;

/// <summary>Which end of a bridge each address was last heard on: a hash table with open addressing in memory of its
/// own, half full at most.</summary>
/// <remarks>
/// Stations choose their addresses, so the hash has a secret factor, and no search goes on for longer than
/// <see cref="ProbeMax"/> slots.
/// </remarks>
internal sealed unsafe class MacTable : IDisposable
{
    /// <summary>Most slots that a search looks at. At half load, an honest table needs a dozen. Arbitrary.</summary>
    private const uint ProbeMax = 64;

    private const ulong MacMask = (1UL << 48) - 1;
    private const int EndShift = 48;

    private readonly ulong _factor = RandomFactor();
    private readonly uint[] _countOfEnd;
    private readonly uint _entriesMax;
    private readonly uint _entriesPerEndMax;
    private readonly uint _age;
    private readonly int _shift;
    private readonly uint _mask;
    private Slot* _slots;
    private uint _sweep;

    /// <param name="entriesMax">Most addresses.</param>
    /// <param name="entriesPerEndMax">Most addresses of one end.</param>
    /// <param name="age">Ticks after which an address that sent nothing is forgotten.</param>
    /// <param name="ends">Ends of the bridge.</param>
    internal MacTable(uint entriesMax, uint entriesPerEndMax, uint age, int ends)
    {
        uint slots = BitOperations.RoundUpToPowerOf2(Math.Max(entriesMax, 32) * 2);
        _entriesMax = entriesMax;
        _entriesPerEndMax = entriesPerEndMax;
        _age = age;
        _countOfEnd = new uint[ends];
        _mask = slots - 1;
        _shift = 64 - BitOperations.Log2(slots);

        // SAFETY: freed by Dispose only, which comes after the last use; every index is masked.
        _slots = (Slot*)NativeMemory.AlignedAlloc(slots * (nuint)sizeof(Slot), 64);
        NativeMemory.Clear(_slots, slots * (nuint)sizeof(Slot));
    }

    /// <summary>What <see cref="Learn"/> came to.</summary>
    internal enum Lesson
    {
        /// <summary>It was known.</summary>
        Known,

        /// <summary>It is known now.</summary>
        New,

        /// <summary>It was known on another end.</summary>
        Moved,

        /// <summary>The table, or the end's part of it, is full.</summary>
        Full,
    }

    /// <summary>Addresses known, those that are too old and not yet found included.</summary>
    internal uint Count { get; private set; }

    /// <summary>Addresses forgotten because they sent nothing for too long.</summary>
    internal ulong Aged { get; private set; }

    private uint SlotCount => _mask + 1;

    /// <summary>Addresses known on an end.</summary>
    internal uint CountOf(int end) => _countOfEnd[end];

    /// <summary>Finds the end that an address was last heard on.</summary>
    /// <param name="mac">The six bytes, the first of them lowest.</param>
    /// <param name="now">The time in ticks, which may wrap.</param>
    /// <returns>-1 when it is not known.</returns>
    internal int Find(ulong mac, uint now)
    {
        // SAFETY: TryFind gives indexes of slots.
        return TryFind(mac, out uint index) && now - _slots[index].Seen <= _age ? _slots[index].End : -1;
    }

    /// <summary>Remembers where an address was heard.</summary>
    internal Lesson Learn(ulong mac, int end, uint now)
    {
        if (!TryFind(mac, out uint index))
        {
            return Add(index, mac, end, now);
        }

        // SAFETY: TryFind gives indexes of slots.
        Slot* slot = &_slots[index];
        if (slot->End != end)
        {
            bool moved = now - slot->Seen <= _age;
            Remove(index);
            TryFind(mac, out index);
            Lesson lesson = Add(index, mac, end, now);
            return lesson == Lesson.New && moved ? Lesson.Moved : lesson;
        }

        // A line that does not change is not written.
        if (slot->Seen != now)
        {
            slot->Seen = now;
        }

        return Lesson.Known;
    }

    /// <summary>Looks at some slots, others with each call, and forgets what is too old.</summary>
    internal void Sweep(uint now, uint slots)
    {
        for (uint i = 0; i < slots; i++)
        {
            uint index = _sweep & _mask;

            // SAFETY: the index is masked.
            if (!_slots[index].IsEmpty && now - _slots[index].Seen > _age)
            {
                // What follows may have moved here: this slot is looked at again.
                Remove(index);
                Aged++;
                continue;
            }

            _sweep++;
        }
    }

    /// <summary>Forgets everything that is too old.</summary>
    internal void SweepAll(uint now) => Sweep(now, SlotCount + Count);

    /// <summary>Forgets every address of an end.</summary>
    internal void Forget(int end)
    {
        for (uint index = 0; _countOfEnd[end] != 0 && index <= 2 * _mask;)
        {
            // SAFETY: the index is masked.
            Slot* slot = &_slots[index & _mask];
            if (!slot->IsEmpty && slot->End == end)
            {
                Remove(index & _mask);
            }
            else
            {
                index++;
            }
        }
    }

    /// <summary>Every address, with its end and the time at which it was heard.</summary>
    internal IReadOnlyList<(ulong Mac, int End, uint Seen)> ToList()
    {
        var entries = new List<(ulong, int, uint)>((int)Count);
        for (uint index = 0; index < SlotCount; index++)
        {
            // SAFETY: the index is below the number of slots.
            Slot slot = _slots[index];
            if (!slot.IsEmpty)
            {
                entries.Add((slot.Mac, slot.End, slot.Seen));
            }
        }

        return entries;
    }

    public void Dispose()
    {
        // SAFETY: allocated by the constructor; null after the first call, which frees nothing.
        NativeMemory.AlignedFree(_slots);
        _slots = null;
    }

    // Odd, so that no bit of an address is lost.
    private static ulong RandomFactor()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToUInt64(bytes) | 1;
    }

    private uint Home(ulong mac) => (uint)((mac * _factor) >> _shift);

    // Where the address is or, if it is nowhere, the empty slot that it would take; no slot at all when the search was
    // given up.
    private bool TryFind(ulong mac, out uint index)
    {
        index = Home(mac);
        for (uint probes = 0; probes < ProbeMax; probes++, index = (index + 1) & _mask)
        {
            // SAFETY: the index is masked.
            Slot slot = _slots[index];
            if (slot.IsEmpty)
            {
                return false;
            }

            if (slot.Mac == mac)
            {
                return true;
            }
        }

        index = uint.MaxValue;
        return false;
    }

    private Lesson Add(uint index, ulong mac, int end, uint now)
    {
        if (index == uint.MaxValue || Count >= _entriesMax || _countOfEnd[end] >= _entriesPerEndMax)
        {
            return Lesson.Full;
        }

        // SAFETY: TryFind gave the index of an empty slot.
        _slots[index] = new Slot { Key = mac | ((ulong)(end + 1) << EndShift), Seen = now };
        Count++;
        _countOfEnd[end]++;
        return Lesson.New;
    }

    // Those behind it move up, as long as that brings them no nearer than their home: no search ends at a gap before it
    // has found them.
    private void Remove(uint index)
    {
        // SAFETY: every index is masked.
        Count--;
        _countOfEnd[_slots[index].End]--;
        uint next = index;
        while (true)
        {
            next = (next + 1) & _mask;
            if (_slots[next].IsEmpty)
            {
                break;
            }

            uint home = Home(_slots[next].Mac);
            if (((next - home) & _mask) >= ((next - index) & _mask))
            {
                _slots[index] = _slots[next];
                index = next;
            }
        }

        _slots[index] = default;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Slot
    {
        internal ulong Key; // the address, and its end counted from 1; 0 is empty
        internal uint Seen;

        internal readonly bool IsEmpty => Key == 0;

        internal readonly ulong Mac => Key & MacMask;

        internal readonly int End => (int)(Key >> EndShift) - 1;
    }
}
