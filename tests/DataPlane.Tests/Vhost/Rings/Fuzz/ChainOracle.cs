using System.Buffers.Binary;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Rings;

namespace Nf.DataPlane.Tests.Vhost.Rings.Fuzz;

/// <summary>What a chain is by the rules, worked out from the input's bytes without any of the walker's code: slowly,
/// and with big numbers where the walker is careful not to overflow.</summary>
internal sealed class ChainOracle
{
    private readonly List<(ulong Address, uint Length, bool Writable)> _pieces = [];
    private ChainInput _input = new();
    private UInt128 _total;
    private uint _spans;
    private string _why = string.Empty;

    internal ChainVerdict Verdict { get; private set; }

    internal RingFault Fault { get; private set; }

    internal uint Descriptors { get; private set; }

    internal uint Tables { get; private set; }

    /// <summary>The first rule that is broken, or nothing.</summary>
    internal string Why => _why;

    internal IReadOnlyList<(ulong Address, uint Length, bool Writable)> Pieces => _pieces;

    internal void Judge(ChainInput input)
    {
        _pieces.Clear();
        _input = input;
        _total = 0;
        _spans = 0;
        _why = string.Empty;
        Descriptors = 0;
        Tables = 0;
        Fault = Walk();
        Verdict = Fault != RingFault.None ? ChainVerdict.Broken
            : _why.Length != 0 ? ChainVerdict.Bad
            : ChainVerdict.Good;
    }

    private RingFault Walk()
    {
        uint index = _input.Head;
        if (index >= _input.Size)
        {
            return RingFault.HeadOutOfRange;
        }

        while (true)
        {
            Descriptors++;
            if (Descriptors > _input.Size)
            {
                return RingFault.ChainLoops;
            }

            (ulong address, uint length, ushort flags, ushort next) = Read(_input.Ring, (int)index);
            bool goesOn = (flags & 1) != 0;
            if ((flags & 4) == 0)
            {
                Name(address, length, (flags & 2) != 0);
            }
            else if (goesOn)
            {
                Refuse("a table that goes on");
            }
            else
            {
                WalkTable(address, length);
            }

            if (!goesOn)
            {
                return RingFault.None;
            }

            index = _input.IsPacked ? (index + 1) % _input.Size : next;
            if (index >= _input.Size)
            {
                return RingFault.NextOutOfRange;
            }
        }
    }

    private void WalkTable(ulong address, uint length)
    {
        Tables++;
        if ((_input.Features & VirtioFeatures.IndirectDescriptors) == 0)
        {
            Refuse("tables not negotiated");
            return;
        }

        uint entries = length / 16;
        if (length == 0 || length % 16 != 0 || entries > 1024 || (UInt128)address + length > (UInt128)1 << 64)
        {
            Refuse("table length");
            return;
        }

        uint index = 0;
        for (uint count = 1; _why.Length == 0; count++)
        {
            byte[] entry = new byte[16];
            for (uint i = 0; i < 16; i++)
            {
                if (Load(address + (16 * index) + i) is not { } value)
                {
                    Refuse("table outside memory");
                    return;
                }

                entry[i] = value;
            }

            (ulong buffer, uint bytes, ushort flags, ushort next) = Read(entry, 0);
            if ((flags & 4) != 0)
            {
                Refuse("a table within a table");
                return;
            }

            // What a guest sends by a packed ring is to be read, whatever its tables say.
            Name(buffer, bytes, (flags & 2) != 0 && !_input.IsPacked);
            if (_input.IsPacked ? count == entries : (flags & 1) == 0)
            {
                return;
            }

            index = _input.IsPacked ? count : next;
            if (index >= entries)
            {
                Refuse("link out of the table");
            }
            else if (count == entries)
            {
                Refuse("loop in the table");
            }
        }
    }

    private void Name(ulong address, uint length, bool writable)
    {
        if (length == 0 || _why.Length != 0)
        {
            return;
        }

        _total += length;
        if (!writable && _pieces.Exists(p => p.Writable))
        {
            Refuse("readable behind writable");
        }
        else if (_total > uint.MaxValue)
        {
            Refuse("longer than 4 GiB");
        }
        else if (!IsMapped(address, (UInt128)address + length))
        {
            Refuse("outside memory");
        }
        else
        {
            _pieces.Add((address, length, writable));
            _spans += address < ChainInput.Second && address + length > ChainInput.Second ? 2u : 1;
            if (_spans > ChainWalker.SpanCountMax)
            {
                Refuse("too many stretches");
            }
        }
    }

    // The first two regions are neighbours; behind the second is a gap.
    private static bool IsMapped(UInt128 from, UInt128 to) =>
        (from >= ChainInput.First && to <= ChainInput.Second + ChainInput.RegionBytes) ||
        (from >= ChainInput.Third && to <= ChainInput.Third + ChainInput.RegionBytes);

    // What the guest's memory holds at an address: the ring at its start, the tables where they are, else zeroes.
    private byte? Load(ulong address)
    {
        if (!IsMapped(address, (UInt128)address + 1))
        {
            return null;
        }

        ulong inRing = address - ChainInput.First;
        ulong inTable = address - ChainInput.EntriesAddress;
        return inRing < (ulong)_input.Ring.Length ? _input.Ring[(int)inRing]
            : inTable < (ulong)_input.Table.Length ? _input.Table[(int)inTable]
            : (byte)0;
    }

    private void Refuse(string why) => _why = _why.Length == 0 ? why : _why;

    private (ulong Address, uint Length, ushort Flags, ushort Other) Read(ReadOnlySpan<byte> bytes, int index)
    {
        ReadOnlySpan<byte> descriptor = bytes.Slice(16 * index, 16);
        ushort first = BinaryPrimitives.ReadUInt16LittleEndian(descriptor[12..]);
        ushort second = BinaryPrimitives.ReadUInt16LittleEndian(descriptor[14..]);
        return (
            BinaryPrimitives.ReadUInt64LittleEndian(descriptor),
            BinaryPrimitives.ReadUInt32LittleEndian(descriptor[8..]),
            _input.IsPacked ? second : first,
            _input.IsPacked ? first : second);
    }
}
