namespace Nf.DataPlane.Tests.Vhost.Rings;

/// <summary>The driver's side of a split ring.</summary>
internal sealed unsafe class SplitDriver : RingDriver
{
    internal const ushort Next = 1;
    internal const ushort Write = 2;
    internal const ushort Indirect = 4;

    private readonly Stack<ushort> _free;
    private readonly List<ushort>[] _chains;
    private ushort _added;
    private ushort _taken;
    private ushort _publishedBefore;

    internal SplitDriver(GuestRam ram, uint size, ulong features)
        : base(ram, size, features)
    {
        DescriptorsAddress = ram.Take(16 * size, 16);
        AvailableAddress = ram.Take(AvailableBytes, 2);
        UsedAddress = ram.Take(UsedBytes, 4);
        _free = new Stack<ushort>(Enumerable.Range(0, (int)size).Reverse().Select(i => (ushort)i));
        _chains = new List<ushort>[size];
    }

    internal override ulong DescriptorsAddress { get; }

    internal override ulong AvailableAddress { get; }

    internal override ulong UsedAddress { get; }

    protected override uint AvailableBytes => 6 + (2 * Size);

    protected override uint UsedBytes => 6 + (8 * Size);

    internal override uint FirstBase => 0;

    internal ref ushort AvailableFlags => ref Ram.Ref<ushort>(AvailableAddress);

    internal ref ushort AvailableIndex => ref Ram.Ref<ushort>(AvailableAddress + 2);

    internal ref ushort UsedEvent => ref Ram.Ref<ushort>(AvailableAddress + 4 + (2 * Size));

    internal ref ushort UsedFlags => ref Ram.Ref<ushort>(UsedAddress);

    internal ref ushort UsedIndex => ref Ram.Ref<ushort>(UsedAddress + 2);

    internal ref ushort AvailableEvent => ref Ram.Ref<ushort>(UsedAddress + 4 + (8 * Size));

    internal override bool HasUsed => Volatile.Read(ref UsedIndex) != _taken;

    internal ref ushort Slot(uint index) => ref Ram.Ref<ushort>(AvailableAddress + 4 + (2 * (index & (Size - 1))));

    /// <summary>Begins at an index, as a ring that has run for long.</summary>
    internal void StartAt(ushort index)
    {
        _added = index;
        _taken = index;
        _publishedBefore = index;
        AvailableIndex = index;
        UsedIndex = index;
    }

    /// <summary>Writes a descriptor, right or wrong.</summary>
    internal void Describe(uint index, ulong address, uint length, ushort flags, ushort next) =>
        DescribeAt(DescriptorsAddress + (16 * index), address, length, flags, next);

    internal void DescribeAt(ulong at, ulong address, uint length, ushort flags, ushort next)
    {
        Span<byte> bytes = stackalloc byte[16];
        BitConverter.TryWriteBytes(bytes, address);
        BitConverter.TryWriteBytes(bytes[8..], length);
        BitConverter.TryWriteBytes(bytes[12..], flags);
        BitConverter.TryWriteBytes(bytes[14..], next);
        Ram.Write(at, bytes);
    }

    /// <summary>Makes a head available, right or wrong.</summary>
    internal void OfferHead(ushort head)
    {
        Slot(_added++) = head;
        Publish();
    }

    internal override uint Add(ReadOnlySpan<Piece> pieces)
    {
        List<ushort> chain = TakeDescriptors(pieces.Length);
        Link(chain, pieces, 0);
        return Begin(chain);
    }

    internal override uint AddIndirect(ReadOnlySpan<Piece> direct, ReadOnlySpan<Piece> pieces, ulong tableAddress)
    {
        List<ushort> chain = TakeDescriptors(direct.Length + 1);
        Link(chain, direct, Next);
        WriteTable(pieces, tableAddress);
        Describe(chain[^1], tableAddress, (uint)(16 * pieces.Length), Indirect, 0);
        return Begin(chain);
    }

    /// <summary>A table whose entries are linked in order.</summary>
    internal void WriteTable(ReadOnlySpan<Piece> pieces, ulong tableAddress)
    {
        for (int i = 0; i < pieces.Length; i++)
        {
            bool isLast = i == pieces.Length - 1;
            ushort flags = (ushort)((pieces[i].Writable ? Write : 0) | (isLast ? 0 : Next));
            ulong at = tableAddress + (uint)(16 * i);
            DescribeAt(at, pieces[i].Address, pieces[i].Length, flags, (ushort)(isLast ? 0 : i + 1));
        }
    }

    internal override void Publish()
    {
        _publishedBefore = AvailableIndex;
        Volatile.Write(ref AvailableIndex, _added);
    }

    internal override bool TryTake(out Returned used)
    {
        used = default;
        if (!HasUsed)
        {
            return false;
        }

        ulong entry = UsedAddress + 4 + (8 * (_taken++ & (Size - 1)));
        used = new Returned(Ram.Ref<uint>(entry), Ram.Ref<uint>(entry + 4));
        if (used.Id < Size && _chains[used.Id] is { } chain)
        {
            _chains[used.Id] = null!;
            chain.Reverse();
            chain.ForEach(_free.Push);
        }

        return true;
    }

    internal override bool MustKick()
    {
        Interlocked.MemoryBarrier();
        return (Features & DataPlane.Vhost.VirtioFeatures.EventIndex) != 0
            ? (ushort)(_added - Volatile.Read(ref AvailableEvent) - 1) < (ushort)(_added - _publishedBefore)
            : (Volatile.Read(ref UsedFlags) & 1) == 0;
    }

    internal override void SuppressCalls()
    {
        AvailableFlags = 1;
        UsedEvent = (ushort)(_taken - 1);
    }

    internal override void EnableCalls()
    {
        Volatile.Write(ref AvailableFlags, 0);
        Volatile.Write(ref UsedEvent, _taken);
        Interlocked.MemoryBarrier();
    }

    private List<ushort> TakeDescriptors(int count) => [.. Enumerable.Range(0, count).Select(_ => _free.Pop())];

    private void Link(List<ushort> chain, ReadOnlySpan<Piece> pieces, ushort lastFlags)
    {
        for (int i = 0; i < pieces.Length; i++)
        {
            bool isLast = i == pieces.Length - 1;
            ushort flags = (ushort)((pieces[i].Writable ? Write : 0) | (isLast ? lastFlags : Next));
            ushort next = i + 1 < chain.Count ? chain[i + 1] : (ushort)0;
            Describe(chain[i], pieces[i].Address, pieces[i].Length, flags, next);
        }
    }

    private ushort Begin(List<ushort> chain)
    {
        _chains[chain[0]] = chain;
        Slot(_added++) = chain[0];
        return chain[0];
    }
}
