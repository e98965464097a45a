using System.Runtime.CompilerServices;
using Nf.DataPlane.Frames;

namespace Nf.DataPlane.Vhost.Rings;

/// <summary>
/// Reads one chain of descriptors: each descriptor once, into a local, which alone is judged. What it finds stays valid
/// until the next chain.
/// </summary>
/// <remarks>
/// The driver may change everything at any moment, so nothing is assumed of what was not read yet, and everything that
/// is counted has a bound. A chain that breaks a rule of meaning (memory, direction, length) is followed to its end all
/// the same, because a packed ring tells only there whose it is and how long; a chain whose end cannot be told breaks
/// the ring.
/// SAFETY: _spans is memory of the pinned array beside it; descriptors are read inside the ring, whose size bounds
/// every index before it is used, or at addresses that <see cref="GuestMap"/> vouches for.
/// </remarks>
internal sealed unsafe partial class ChainWalker
{
    /// <summary>Most stretches of a chain: those of a frame (<see cref="FrameBatch.SpanCountMax"/>), its first one and
    /// those of its header. What needs more is a bad chain.</summary>
    internal const uint SpanCountMax = FrameBatch.SpanCountMax + 16;

    /// <summary>Most entries of an indirect table in a smaller ring; in a larger one, as many as it has
    /// descriptors. The number that other back-ends allow.</summary>
    internal const uint TableEntriesMin = 1024;

    internal const ushort FlagNext = 1;
    internal const ushort FlagWrite = 2;
    internal const ushort FlagIndirect = 4;

    /// <summary>Bytes of a descriptor, in the ring as in a table.</summary>
    internal const uint DescriptorBytes = 16;

    private readonly ChainSpan[] _pinned = GC.AllocateUninitializedArray<ChainSpan>((int)SpanCountMax, pinned: true);
    private readonly ChainSpan* _spans;
    private readonly GuestMap _map;
    private readonly byte* _descriptors;
    private readonly uint _size;
    private readonly uint _tableEntriesMax;
    private readonly bool _allowsIndirect;

    // What a guest sends is read only, and reading what is marked for writing harms nobody: so the mark says nothing in
    // the tables of such a packed ring. DPDK's driver leaves it on the header's entry, and its back-end never looks.
    private readonly bool _readsTables;
    private ulong _workMax;
    private uint _tableReads;

    internal ChainWalker(VirtqueueSetup setup, GuestMap map)
    {
        // SAFETY: the array is pinned and lives as long as this object.
        _spans = (ChainSpan*)Unsafe.AsPointer(ref _pinned[0]);
        _map = map;
        _descriptors = setup.Descriptors;
        _size = setup.Size;
        _tableEntriesMax = Math.Max(setup.Size, TableEntriesMin);
        _allowsIndirect = (setup.Features & VirtioFeatures.IndirectDescriptors) != 0;
        _readsTables = (setup.Features & VirtioFeatures.RingPacked) != 0 && setup.Index % 2 != 0;
    }

    /// <summary>Its stretches: first those to read, then those to write.</summary>
    internal ChainSpan* Spans => _spans;

    /// <summary>How many there are.</summary>
    internal uint SpanCount { get; private set; }

    /// <summary>How many of them are to be read.</summary>
    internal uint ReadableCount { get; private set; }

    /// <summary>Bytes to read.</summary>
    internal ulong ReadableBytes { get; private set; }

    /// <summary>Bytes to write.</summary>
    internal ulong WritableBytes { get; private set; }

    /// <summary>What the driver knows the chain by: its head, or the buffer id of a packed ring.</summary>
    internal uint Id { get; private set; }

    /// <summary>Descriptors of the ring that it takes.</summary>
    internal uint Descriptors { get; private set; }

    /// <summary>Why the ring is broken, when it is.</summary>
    internal RingFault Fault { get; private set; }

    /// <summary>The number that breaks it: an index, or where a chain begins that has no end.</summary>
    internal uint FaultValue { get; private set; }

    /// <summary>Which rule the chain breaks; <see cref="ChainFault.None"/> for a good one.</summary>
    internal ChainFault Bad { get; private set; }

    /// <summary>The guest address that breaks it, where the rule is about one.</summary>
    internal ulong BadAddress { get; private set; }

    /// <summary>The bytes that the guest says there are.</summary>
    internal uint BadLength { get; private set; }

    private void Begin()
    {
        SpanCount = 0;
        ReadableCount = 0;
        ReadableBytes = 0;
        WritableBytes = 0;
        Descriptors = 0;
        Fault = RingFault.None;
        Bad = ChainFault.None;
        BadAddress = 0;
        BadLength = 0;
        _tableReads = 0;
    }

    private ChainVerdict Break(RingFault fault, uint value = 0)
    {
        Fault = fault;
        FaultValue = value;
        Work += Descriptors + _tableReads + SpanCount;
        return ChainVerdict.Broken;
    }

    private ChainVerdict End()
    {
        Work += Descriptors + _tableReads + SpanCount;
        return Bad == ChainFault.None ? ChainVerdict.Good : ChainVerdict.Bad;
    }

    // The first rule that is broken is the one to tell of.
    private void Refuse(ChainFault fault, ulong address = 0, uint length = 0)
    {
        if (Bad == ChainFault.None)
        {
            Bad = fault;
            BadAddress = address;
            BadLength = length;
        }
    }

    // Takes in what one descriptor names. A length of zero names nothing, whatever its address: it has been counted.
    private void Add(ulong address, uint length, bool writable)
    {
        if (Bad != ChainFault.None || length == 0)
        {
            return;
        }

        bool isOutOfOrder = !writable && WritableBytes != 0;
        bool isTooLong = ReadableBytes + WritableBytes + length > uint.MaxValue;
        bool wraps = length - 1 > ulong.MaxValue - address;
        if (isOutOfOrder || isTooLong || wraps)
        {
            Refuse(
                isOutOfOrder ? ChainFault.ReadableBehindWritable
                    : isTooLong ? ChainFault.TooManyBytes
                    : ChainFault.AddressWraps,
                address, length);
            return;
        }

        if (writable)
        {
            WritableBytes += length;
        }
        else
        {
            ReadableBytes += length;
        }

        // A buffer may cross regions that are neighbours for the guest and are not for us.
        ulong start = address;
        uint whole = length;
        while (length > 0)
        {
            byte* data = _map.Find(address, out ulong contiguous);
            if (data == null || SpanCount == SpanCountMax)
            {
                Refuse(data == null ? ChainFault.OutsideMemory : ChainFault.TooManyPieces, start, whole);
                return;
            }

            uint part = (uint)Math.Min(length, contiguous);
            _spans[SpanCount++] = new ChainSpan { Data = data, GuestAddress = address, Length = part };
            ReadableCount += writable ? 0u : 1u;
            address += part;
            length -= part;
        }
    }

    // A descriptor that stands for a table of descriptors. Nothing but its address and length counts.
    private void AddTable(ulong address, uint length, bool isLinked)
    {
        uint entries = length / DescriptorBytes;
        bool isSize = entries != 0 && length % DescriptorBytes == 0 && entries <= _tableEntriesMax;
        if (!_allowsIndirect || !isSize || length - 1 > ulong.MaxValue - address)
        {
            Refuse(
                !_allowsIndirect ? ChainFault.IndirectNotNegotiated
                    : !isSize ? ChainFault.TableSize
                    : ChainFault.AddressWraps,
                address, length);
            return;
        }

        uint index = 0;
        for (uint count = 1; Bad == ChainFault.None; count++)
        {
            _tableReads++;
            if (!TryReadEntry(address + (index * DescriptorBytes), out ulong buffer, out ulong rest))
            {
                Refuse(ChainFault.TableOutsideMemory, address, length);
                return;
            }

            ushort flags = (ushort)(rest >> (isLinked ? 32 : 48));
            if ((flags & FlagIndirect) != 0)
            {
                Refuse(ChainFault.TableInTable, address, length);
                return;
            }

            Add(buffer, (uint)rest, (flags & FlagWrite) != 0 && !_readsTables);
            bool isLast = isLinked ? (flags & FlagNext) == 0 : count == entries;
            if (isLast)
            {
                return;
            }

            // Entries of a split ring's table are linked; those of a packed one's follow each other.
            index = isLinked ? (uint)(rest >> 48) : count;
            if (index >= entries || count == entries)
            {
                Refuse(ChainFault.TableWithoutEnd, address, length);
            }
        }
    }

    // A table needs no alignment and may cross regions: entry by entry, byte by byte where it must be.
    private bool TryReadEntry(ulong address, out ulong buffer, out ulong rest)
    {
        byte* data = _map.Find(address, out ulong contiguous);
        if (data != null && contiguous >= DescriptorBytes)
        {
            // SAFETY: 16 bytes are mapped at data.
            buffer = Unsafe.ReadUnaligned<ulong>(data);
            rest = Unsafe.ReadUnaligned<ulong>(data + 8);
            return true;
        }

        buffer = 0;
        rest = 0;
        _tableReads += DescriptorBytes;
        for (int i = 0; i < (int)DescriptorBytes; i++)
        {
            data = _map.Find(address + (uint)i, out _);
            if (data == null)
            {
                return false;
            }

            ulong value = *data;
            buffer |= i < 8 ? value << (8 * i) : 0;
            rest |= i < 8 ? 0 : value << (8 * (i - 8));
        }

        return true;
    }
}
