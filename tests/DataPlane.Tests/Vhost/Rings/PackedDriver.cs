using Nf.DataPlane.Vhost;

namespace Nf.DataPlane.Tests.Vhost.Rings;

/// <summary>The driver's side of a packed ring.</summary>
internal sealed unsafe class PackedDriver : RingDriver
{
    internal const ushort Next = 1;
    internal const ushort Write = 2;
    internal const ushort Indirect = 4;
    internal const ushort Avail = 0x80;
    internal const ushort Used = 0x8000;

    private readonly Queue<ushort> _free;
    private readonly uint[] _counts = new uint[65536];
    private readonly Queue<ushort> _order = new();
    private readonly List<(uint Position, ushort Flags)> _heads = [];
    private uint _position;
    private bool _wrap = true;
    private uint _takePosition;
    private bool _takeWrap = true;
    private uint _eventPosition;
    private Returned? _batch;

    internal PackedDriver(GuestRam ram, uint size, ulong features)
        : base(ram, size, features)
    {
        DescriptorsAddress = ram.Take(16 * size, 16);
        AvailableAddress = ram.Take(4, 4);
        UsedAddress = ram.Take(4, 4);

        // Ids mean nothing to the device: these are not positions.
        _free = new Queue<ushort>(Enumerable.Range(0, (int)size).Select(i => (ushort)(65535 - i)));
    }

    internal override ulong DescriptorsAddress { get; }

    internal override ulong AvailableAddress { get; }

    internal override ulong UsedAddress { get; }

    protected override uint AvailableBytes => 4;

    protected override uint UsedBytes => 4;

    internal override uint FirstBase => 0x8000_8000;

    internal uint Position => _position;

    internal bool Wrap => _wrap;

    internal uint TakePosition => _takePosition;

    internal bool TakeWrap => _takeWrap;

    internal ref ushort DriverEvent => ref Ram.Ref<ushort>(AvailableAddress);

    internal ref ushort DriverFlags => ref Ram.Ref<ushort>(AvailableAddress + 2);

    internal ref ushort DeviceEvent => ref Ram.Ref<ushort>(UsedAddress);

    internal ref ushort DeviceFlags => ref Ram.Ref<ushort>(UsedAddress + 2);

    internal ref ushort Flags(uint position) => ref Ram.Ref<ushort>(DescriptorsAddress + (16 * position) + 14);

    internal override bool HasUsed
    {
        get
        {
            ushort flags = Volatile.Read(ref Flags(_takePosition));
            return ((flags & Avail) != 0) == _takeWrap && ((flags & Used) != 0) == _takeWrap;
        }
    }

    /// <summary>Writes a descriptor, right or wrong, with the bits that make it available at the driver's
    /// position.</summary>
    internal void Describe(uint position, ulong address, uint length, ushort id, ushort flags)
    {
        ulong at = DescriptorsAddress + (16 * position);
        Ram.Ref<ulong>(at) = address;
        Ram.Ref<uint>(at + 8) = length;
        Ram.Ref<ushort>(at + 12) = id;
        Volatile.Write(ref Flags(position), flags);
    }

    internal ushort AvailableBits => _wrap ? Avail : Used;

    internal override uint Add(ReadOnlySpan<Piece> pieces)
    {
        ushort id = _free.Dequeue();
        for (int i = 0; i < pieces.Length; i++)
        {
            bool isLast = i == pieces.Length - 1;
            ushort kind = (ushort)((pieces[i].Writable ? Write : 0) | (isLast ? 0 : Next));
            AddDescriptor(pieces[i].Address, pieces[i].Length, id, kind, i == 0);
        }

        return Begin(id, pieces.Length);
    }

    internal override uint AddIndirect(ReadOnlySpan<Piece> direct, ReadOnlySpan<Piece> pieces, ulong tableAddress)
    {
        ushort id = _free.Dequeue();
        for (int i = 0; i < direct.Length; i++)
        {
            ushort kind = (ushort)((direct[i].Writable ? Write : 0) | Next);
            AddDescriptor(direct[i].Address, direct[i].Length, id, kind, i == 0);
        }

        WriteTable(pieces, tableAddress);
        AddDescriptor(tableAddress, (uint)(16 * pieces.Length), id, Indirect, direct.Length == 0);
        return Begin(id, direct.Length + 1);
    }

    internal void WriteTable(ReadOnlySpan<Piece> pieces, ulong tableAddress)
    {
        Span<byte> bytes = stackalloc byte[16];
        for (int i = 0; i < pieces.Length; i++)
        {
            BitConverter.TryWriteBytes(bytes, pieces[i].Address);
            BitConverter.TryWriteBytes(bytes[8..], pieces[i].Length);
            BitConverter.TryWriteBytes(bytes[14..], pieces[i].Writable ? Write : (ushort)0);
            Ram.Write(tableAddress + (uint)(16 * i), bytes);
        }
    }

    internal override void Publish()
    {
        // The first descriptor of each chain last, and the first chain last of all.
        for (int i = _heads.Count - 1; i >= 0; i--)
        {
            Volatile.Write(ref Flags(_heads[i].Position), _heads[i].Flags);
        }

        _heads.Clear();
    }

    internal override bool TryTake(out Returned used)
    {
        used = default;
        if (_batch is null && !HasUsed)
        {
            return false;
        }

        ulong at = DescriptorsAddress + (16 * _takePosition);
        Returned shown = _batch ?? new Returned(Ram.Ref<ushort>(at + 12), Ram.Ref<uint>(at + 8));

        // In order, one used descriptor stands for all buffers up to its own.
        bool isInOrder = (Features & VirtioFeatures.InOrder) != 0;
        ushort id = isInOrder ? _order.Peek() : (ushort)shown.Id;
        _batch = isInOrder && id != shown.Id ? shown : null;
        used = new Returned(id, shown.Length);
        _order.Dequeue();
        Advance(ref _takePosition, ref _takeWrap, _counts[id]);
        _counts[id] = 0;
        _free.Enqueue(id);
        return true;
    }

    internal override bool MustKick()
    {
        Interlocked.MemoryBarrier();
        uint published = _eventPosition;
        _eventPosition = _position;
        ushort flags = Volatile.Read(ref DeviceFlags);
        if (flags != 2)
        {
            return flags == 0;
        }

        ushort offWrap = Volatile.Read(ref DeviceEvent);
        int wanted = (offWrap & 0x7fff) - ((offWrap >> 15 != 0) != _wrap ? (int)Size : 0);
        int before = (int)published - (_position <= published ? (int)Size : 0);
        return (ushort)(_position - wanted - 1) < (ushort)(_position - before);
    }

    internal override void SuppressCalls() => Volatile.Write(ref DriverFlags, 1);

    internal override void EnableCalls()
    {
        bool hasEvents = (Features & VirtioFeatures.EventIndex) != 0;
        DriverEvent = (ushort)(_takePosition | (_takeWrap ? 0x8000u : 0));
        Volatile.Write(ref DriverFlags, (ushort)(hasEvents ? 2 : 0));
        Interlocked.MemoryBarrier();
    }

    private void AddDescriptor(ulong address, uint length, ushort id, ushort kind, bool isFirst)
    {
        ushort flags = (ushort)(kind | AvailableBits);
        if (isFirst)
        {
            // Looks as it did, that is: not available yet.
            _heads.Add((_position, flags));
            flags = (ushort)(kind | (_wrap ? 0 : Avail | Used));
        }

        Describe(_position, address, length, id, flags);
        Advance(ref _position, ref _wrap, 1);
    }

    private ushort Begin(ushort id, int count)
    {
        _counts[id] = (uint)count;
        _order.Enqueue(id);
        return id;
    }

    private void Advance(ref uint position, ref bool wrap, uint count)
    {
        position += count;
        if (position >= Size)
        {
            position -= Size;
            wrap = !wrap;
        }
    }
}
