using System.Runtime.InteropServices;
using Nf.DataPlane.Vhost.Memory;
using Nf.DataPlane.Vhost.Rings;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Rings;

/// <summary>A buffer of a chain.</summary>
internal readonly record struct Piece(ulong Address, uint Length, bool Writable = false);

/// <summary>What came back from the device.</summary>
internal readonly record struct Returned(uint Id, uint Length);

/// <summary>The driver's side of a ring, well behaved unless a test reaches into its memory.</summary>
internal abstract unsafe class RingDriver : IDisposable
{
    private readonly VringRecord* _record = (VringRecord*)NativeMemory.AlignedAlloc((nuint)sizeof(VringRecord), 64);

    protected RingDriver(GuestRam ram, uint size, ulong features)
    {
        Ram = ram;
        Size = size;
        Features = features;
        *_record = default;
    }

    internal GuestRam Ram { get; }

    internal uint Size { get; }

    internal ulong Features { get; }

    internal EventFd? Call { get; set; } = EventFd.Create();

    /// <summary>Even for what the guest receives, odd for what it sends.</summary>
    internal int Index { get; set; }

    internal DirtyLog? Log { get; set; }

    internal bool LogUsed { get; set; }

    internal InflightQueue? Inflight { get; set; }

    internal VringRecord* Record => _record;

    internal abstract ulong DescriptorsAddress { get; }

    internal abstract ulong AvailableAddress { get; }

    internal abstract ulong UsedAddress { get; }

    protected abstract uint AvailableBytes { get; }

    protected abstract uint UsedBytes { get; }

    /// <summary>Base of a ring that was never used.</summary>
    internal abstract uint FirstBase { get; }

    internal bool IsPacked => (Features & DataPlane.Vhost.VirtioFeatures.RingPacked) != 0;

    internal static RingDriver Make(GuestRam ram, uint size, ulong features) =>
        (features & DataPlane.Vhost.VirtioFeatures.RingPacked) != 0
            ? new PackedDriver(ram, size, features)
            : new SplitDriver(ram, size, features);

    internal VirtqueueSetup Setup(uint? from = null) => new()
    {
        Index = Index,
        Size = Size,
        Features = Features,
        Descriptors = Ram.DeviceAt(DescriptorsAddress, 16 * Size),
        Available = Ram.DeviceAt(AvailableAddress, AvailableBytes),
        Used = Ram.DeviceAt(UsedAddress, UsedBytes),
        UsedLogAddress = LogUsed ? UsedAddress : null,
        DescriptorsGuestAddress = DescriptorsAddress,
        Base = from ?? FirstBase,
        Memory = Ram.Memory,
        Log = Log,
        Call = Call,
        Inflight = Inflight,
        Record = _record,
    };

    internal Virtqueue Start(uint? from = null) => Virtqueue.Start(Setup(from));

    /// <summary>Makes a chain available.</summary>
    internal uint Offer(params Piece[] pieces)
    {
        uint id = Add(pieces);
        Publish();
        return id;
    }

    /// <summary>Puts a chain into the ring without showing it.</summary>
    internal abstract uint Add(ReadOnlySpan<Piece> pieces);

    /// <summary>Puts a chain that is one indirect table, or ends in one.</summary>
    /// <param name="direct">Descriptors before the table.</param>
    /// <param name="pieces">The table.</param>
    /// <param name="tableAddress">Where the table is.</param>
    internal abstract uint AddIndirect(ReadOnlySpan<Piece> direct, ReadOnlySpan<Piece> pieces, ulong tableAddress);

    /// <summary>Shows what was added.</summary>
    internal abstract void Publish();

    /// <summary>Takes the next used buffer.</summary>
    internal abstract bool TryTake(out Returned used);

    internal List<Returned> TakeAll()
    {
        List<Returned> all = [];
        while (TryTake(out Returned used))
        {
            all.Add(used);
        }

        return all;
    }

    /// <summary>Whether the device asks for a kick, as a driver that just published decides it.</summary>
    internal abstract bool MustKick();

    /// <summary>Asks the device for no signals.</summary>
    internal abstract void SuppressCalls();

    /// <summary>Asks the device for a signal with the next buffer; the driver must look once more after it.</summary>
    internal abstract void EnableCalls();

    /// <summary>True when something was used that was not taken.</summary>
    internal abstract bool HasUsed { get; }

    /// <summary>Offers an empty buffer to receive into.</summary>
    internal uint OfferBuffer(uint length, out ulong address)
    {
        address = Ram.Take(length);
        return Offer(new Piece(address, length, Writable: true));
    }

    /// <summary>Offers a frame behind a virtio header of zeroes in one buffer.</summary>
    internal uint OfferFrame(ReadOnlySpan<byte> frame)
    {
        uint header = DataPlane.Vhost.VirtioFeatures.HeaderBytes(Features);
        ulong address = Ram.Take(header + (uint)frame.Length);
        Ram.Write(address, new byte[header]);
        Ram.Write(address + header, frame);
        return Offer(new Piece(address, header + (uint)frame.Length));
    }

    public void Dispose()
    {
        Call?.Dispose();
        NativeMemory.AlignedFree(_record);
    }
}
