namespace Nf.DataPlane.Cpumaps;

/// <summary>
/// From an address to the CPU of the longest prefix that holds it, in one flat array that BPF code reads as well: a
/// tree with many branches for IPv4, a hash table for each length for IPv6.
/// </summary>
/// <remarks>
/// Immutable once built; any thread may read. An entry is 0 for none, a CPU plus one, or, with the highest bit, the
/// number of a block of the tree's next level.
/// </remarks>
internal sealed class CpuPrefixTable
{
    /// <summary>Most prefixes. Arbitrary.</summary>
    internal const int PrefixCountMax = 262_144;

    /// <summary>Marks an entry that leads on.</summary>
    internal const uint BlockFlag = 1u << 31;

    /// <summary>Bits of an IPv4 address that the first level decides.</summary>
    internal const int RootBits = 16;

    private readonly uint[] _words;

    private CpuPrefixTable(uint[] words, int blockBits, int blockCount, CpuPrefixTable6[] byLength, int count)
    {
        _words = words;
        BlockBits = blockBits;
        BlockCount = blockCount;
        ByLength = byLength;
        Count = count;
    }

    /// <summary>Everything: the root, the blocks, then the tables for IPv6. Empty where there is no prefix.</summary>
    internal ReadOnlySpan<uint> Words => _words;

    /// <summary>Prefixes.</summary>
    internal int Count { get; }

    /// <summary>Bits that each level behind the first decides.</summary>
    internal int BlockBits { get; }

    /// <summary>Blocks behind the root; they follow it at once.</summary>
    internal int BlockCount { get; }

    /// <summary>Whether there is any IPv4 prefix.</summary>
    internal bool HasIpv4 { get; private init; }

    /// <summary>The IPv6 prefixes, longest first.</summary>
    internal IReadOnlyList<CpuPrefixTable6> ByLength { get; }

    /// <summary>Builds a table.</summary>
    /// <param name="prefixes">Prefixes and CPUs; none twice.</param>
    internal static CpuPrefixTable Build(IReadOnlyCollection<(IpPrefix Prefix, uint Cpu)> prefixes)
    {
        (IpPrefix Prefix, uint Cpu)[] ipv4 = [.. prefixes.Where(p => p.Prefix.Version == 4)];
        var tree = CpuPrefixTree4.Build(ipv4);
        var words = new List<uint>(tree.Words);
        var byLength = new List<CpuPrefixTable6>();
        foreach (IGrouping<int, (IpPrefix Prefix, uint Cpu)> group in prefixes.Where(p => p.Prefix.Version == 6)
                     .GroupBy(p => p.Prefix.Length).OrderByDescending(group => group.Key))
        {
            byLength.Add(CpuPrefixTable6.Build(group.Key, [.. group], words));
        }

        return new CpuPrefixTable([.. words], tree.BlockBits, tree.BlockCount, [.. byLength], prefixes.Count)
        {
            HasIpv4 = ipv4.Length != 0,
        };
    }

    /// <summary>The CPU for a frame's source address.</summary>
    internal bool TryFind(in Flow flow, out uint cpu)
    {
        uint found = flow[FlowField.Version] switch
        {
            4 when HasIpv4 => Find4(flow[FlowField.Source]),
            6 => Find6(flow),
            _ => 0,
        };
        cpu = found - 1;
        return found != 0;
    }

    private uint Find4(uint address)
    {
        uint entry = _words[address >> RootBits];
        for (int shift = 32 - RootBits - BlockBits; (entry & BlockFlag) != 0; shift -= BlockBits)
        {
            uint block = entry & ~BlockFlag;
            uint branch = (address >> shift) & ((1u << BlockBits) - 1);
            entry = _words[(1 << RootBits) + (int)(block << BlockBits) + (int)branch];
        }

        return entry;
    }

    private uint Find6(in Flow flow)
    {
        foreach (CpuPrefixTable6 table in ByLength)
        {
            if (table.Find(_words, flow) is var found and not 0)
            {
                return found;
            }
        }

        return 0;
    }
}
