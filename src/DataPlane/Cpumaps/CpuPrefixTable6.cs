namespace Nf.DataPlane.Cpumaps;

/// <summary>
/// The IPv6 prefixes of one length: a hash table of a power of two of slots, in which a prefix is at most seven slots
/// behind its place. A slot is the prefix's words, then its CPU plus one; 0 there means that the slot is free.
/// </summary>
/// <param name="Length">Bits that count.</param>
/// <param name="Offset">Where it begins in the words of its <see cref="CpuPrefixTable"/>.</param>
/// <param name="SlotBits">Two to this are the slots that a prefix can have as its place.</param>
internal sealed record CpuPrefixTable6(int Length, int Offset, int SlotBits)
{
    /// <summary>Slots that are looked at.</summary>
    internal const int ProbesMax = 8;

    /// <summary>Words of an address that a prefix of this length has bits in.</summary>
    internal int KeyWords => (Length + 31) / 32;

    /// <summary>Words of a slot.</summary>
    internal int SlotWords => KeyWords + 1;

    /// <summary>Words of the table.</summary>
    internal int WordCount => ((1 << SlotBits) + ProbesMax - 1) * SlotWords;

    /// <summary>Builds a table at the end of others.</summary>
    internal static CpuPrefixTable6 Build(int length, (IpPrefix Prefix, uint Cpu)[] prefixes, List<uint> words)
    {
        // At most half full, so it rarely takes another turn.
        for (int bits = 1; ; bits++)
        {
            var table = new CpuPrefixTable6(length, words.Count, bits);
            if (1 << bits >= 2 * prefixes.Length && table.TryFill(prefixes) is { } filled)
            {
                words.AddRange(filled);
                return table;
            }
        }
    }

    /// <summary>The CPU plus one of a frame's source address; 0 for none.</summary>
    internal uint Find(ReadOnlySpan<uint> words, in Flow flow)
    {
        Span<uint> key = stackalloc uint[4];
        for (int i = 0; i < 4; i++)
        {
            key[i] = flow[(int)FlowField.Source + i] & IpPrefix.Mask(Length, i);
        }

        int slot = Offset + ((int)PlaceOf(key) * SlotWords);
        for (int probe = 0; probe < ProbesMax; probe++, slot += SlotWords)
        {
            uint found = words[slot + KeyWords];
            if (found == 0 || words.Slice(slot, KeyWords).SequenceEqual(key[..KeyWords]))
            {
                return found;
            }
        }

        return 0;
    }

    private uint[]? TryFill((IpPrefix Prefix, uint Cpu)[] prefixes)
    {
        uint[] words = new uint[WordCount];
        foreach ((IpPrefix prefix, uint cpu) in prefixes)
        {
            IpWords key = prefix.Words;
            int slot = (int)PlaceOf(key) * SlotWords;
            int probe = 0;
            for (; probe < ProbesMax && words[slot + KeyWords] != 0; probe++)
            {
                slot += SlotWords;
            }

            if (probe == ProbesMax)
            {
                return null;
            }

            ((ReadOnlySpan<uint>)key)[..KeyWords].CopyTo(words.AsSpan(slot));
            words[slot + KeyWords] = cpu + 1;
        }

        return words;
    }

    private uint PlaceOf(ReadOnlySpan<uint> key)
    {
        ulong mixed = 0;
        for (int i = 0; i < KeyWords; i++)
        {
            mixed = (mixed + key[i]) * FlowHash.Mix1;
        }

        return (uint)((mixed ^ (mixed >> 32)) * FlowHash.Mix2 >> 32) >> (32 - SlotBits);
    }
}
