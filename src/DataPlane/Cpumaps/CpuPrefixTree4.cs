namespace Nf.DataPlane.Cpumaps;

/// <summary>Builds the tree of a <see cref="CpuPrefixTable"/>.</summary>
internal sealed class CpuPrefixTree4
{
    // Levels of 8 bits need two loads at most behind the root, but 1 KiB for each block; when prefixes are scattered so
    // widely that they would take more than this, levels of 4 bits: one cache line each.
    private const int WideWordsMax = 4 << 20;

    private readonly List<uint> _words = [];

    private CpuPrefixTree4(int blockBits) => BlockBits = blockBits;

    internal IReadOnlyList<uint> Words => _words;

    internal int BlockBits { get; }

    internal int BlockCount { get; private set; }

    internal static CpuPrefixTree4 Build((IpPrefix Prefix, uint Cpu)[] prefixes)
    {
        var tree = new CpuPrefixTree4(8);
        if (prefixes.Length == 0 || tree.TryFill(prefixes, WideWordsMax))
        {
            return tree;
        }

        tree = new CpuPrefixTree4(4);
        tree.TryFill(prefixes, int.MaxValue);
        return tree;
    }

    // Shorter prefixes first, so that a longer one finds what it has to refine and overwrites it.
    private bool TryFill((IpPrefix Prefix, uint Cpu)[] prefixes, int wordsMax)
    {
        _words.AddRange(new uint[1 << CpuPrefixTable.RootBits]);
        foreach ((IpPrefix prefix, uint cpu) in prefixes.OrderBy(p => p.Prefix.Length))
        {
            Insert(prefix.Words[0], prefix.Length, cpu + 1);
            if (_words.Count > wordsMax)
            {
                return false;
            }
        }

        return true;
    }

    private void Insert(uint address, int length, uint value)
    {
        int level = 0; // index of the level's first entry
        int decided = 0; // bits of the address that led there
        int bits = CpuPrefixTable.RootBits;
        while (length > decided + bits)
        {
            int entry = level + (int)Branch(address, decided, bits);
            if ((_words[entry] & CpuPrefixTable.BlockFlag) == 0)
            {
                _words[entry] = NewBlock(inherited: _words[entry]);
            }

            level = (1 << CpuPrefixTable.RootBits) + (int)((_words[entry] & ~CpuPrefixTable.BlockFlag) << BlockBits);
            decided += bits;
            bits = BlockBits;
        }

        int first = level + (int)Branch(address, decided, bits);
        for (int i = 0; i < 1 << (decided + bits - length); i++)
        {
            _words[first + i] = value;
        }
    }

    private uint NewBlock(uint inherited)
    {
        _words.AddRange(Enumerable.Repeat(inherited, 1 << BlockBits));
        return CpuPrefixTable.BlockFlag | (uint)BlockCount++;
    }

    private static uint Branch(uint address, int decided, int bits) =>
        (address >> (32 - decided - bits)) & ((1u << bits) - 1);
}
