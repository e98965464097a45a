using Nf.DataPlane.Vhost.Memory;
using Nf.DataPlane.Vhost.Protocol;
using Nf.DataPlane.Vhost.Rings;

namespace Nf.DataPlane.Vhost.Session;

/// <summary>Turns what a front-end said about a ring into what it runs on; late, since it may come in any
/// order.</summary>
/// <param name="Features">Accepted features.</param>
/// <param name="Memory">Memory of the guest.</param>
/// <param name="Log">The dirty log if writes are to be recorded.</param>
/// <param name="Inflight">The inflight region, if there is one.</param>
internal sealed record VringTranslation(
    ulong Features, GuestMemory Memory, DirtyLog? Log, InflightRegion? Inflight)
{
    private const uint SplitBaseMax = ushort.MaxValue;
    private const uint PackedWrap = 0x8000;
    private const uint PackedPositionMask = 0x7fff;

    private bool IsPacked => (Features & VirtioFeatures.RingPacked) != 0;

    /// <summary>Why a value that is not zero is no size of a ring; null when it is one.</summary>
    internal static string? FaultOfSize(uint size, ulong features) =>
        (features & VirtioFeatures.RingPacked) == 0 && !uint.IsPow2(size)
            ? $"num {size}, must be a power of two in a split ring"
            : null;

    /// <summary>Why a value is no base; null when it is one.</summary>
    /// <param name="value">In the form of SET_VRING_BASE.</param>
    /// <param name="size">Of the ring; 0 when not known yet.</param>
    /// <param name="features">Accepted features.</param>
    internal static string? FaultOfBase(uint value, uint size, ulong features)
    {
        if ((features & VirtioFeatures.RingPacked) == 0)
        {
            return value > SplitBaseMax ? $"num {value}, must be at most {SplitBaseMax} in a split ring" : null;
        }

        uint available = value & PackedPositionMask;
        uint used = (value >> 16) & PackedPositionMask;
        return size != 0 && (available >= size || used >= size)
            ? $"num 0x{value:x}, positions {available} and {used} must be below the ring's size {size}"
            : null;
    }

    /// <summary>Why addresses are not those of a ring; null when they are.</summary>
    internal static string? FaultOfAlignment(ulong descriptors, ulong available, ulong used, bool packed)
    {
        ulong availableAlignment = packed ? 4u : 2u;
        if (descriptors % 16 != 0)
        {
            return $"descriptor address 0x{descriptors:x}, must be a multiple of 16";
        }

        if (available % availableAlignment != 0)
        {
            return $"available address 0x{available:x}, must be a multiple of {availableAlignment}";
        }

        return used % 4 != 0 ? $"used address 0x{used:x}, must be a multiple of 4" : null;
    }

    /// <summary>What the ring runs on.</summary>
    /// <param name="ring">Its size, base and addresses are set.</param>
    /// <param name="record">Its state that survives the process.</param>
    /// <param name="fault">Why there is none.</param>
    /// <returns>Null when it cannot run.</returns>
    internal unsafe VirtqueueSetup? TryBuild(Vring ring, VringRecord* record, out string fault)
    {
        // SAFETY: the three places were found to be inside one mapping each, with all their bytes, and are aligned; the
        // setup holds the memory they are in. Nothing is read through them here.
        VringAddressPayload address = ring.Address!.Value;
        (ulong descriptorsBytes, ulong availableBytes, ulong usedBytes) = SizesOf(ring.Size);
        fault = FaultOfSize(ring.Size, Features) ?? FaultOfBase(ring.Base, ring.Size, Features) ?? "";
        if (fault.Length != 0 ||
            Find("descriptor", address.Descriptors, descriptorsBytes, ref fault) is not { } descriptors ||
            Find("available", address.Available, availableBytes, ref fault) is not { } available ||
            Find("used", address.Used, usedBytes, ref fault) is not { } used)
        {
            return null;
        }

        // Where a region begins decides about the alignment here, whatever the front-end's own addresses are.
        fault = FaultOfAlignment((ulong)descriptors, (ulong)available, (ulong)used, IsPacked) ?? "";
        if (fault.Length == 0 && address.LogsUsed && address.LogAddress > ulong.MaxValue - usedBytes)
        {
            fault = $"log address 0x{address.LogAddress:x} + {usedBytes} wraps";
        }

        return fault.Length != 0
            ? null
            : new VirtqueueSetup
            {
                Index = ring.Index,
                Size = ring.Size,
                Features = Features,
                Descriptors = (byte*)descriptors,
                Available = (byte*)available,
                Used = (byte*)used,
                UsedLogAddress = address.LogsUsed ? address.LogAddress : null,
                DescriptorsGuestAddress = Memory.GuestAddressOfUser(address.Descriptors) ?? 0,
                Base = IsPacked ? WithUsedPosition(ring.Base) : ring.Base,
                Memory = Memory,
                Log = Log,
                Call = ring.Call,
                Inflight = InflightOf(ring),
                Record = record,
            };
    }

    // A driver that knows one position only sends no used position; with nothing in flight it is the same one.
    private static uint WithUsedPosition(uint value) =>
        value >> 16 == 0 && (value & PackedWrap) != 0 ? value | (value << 16) : value;

    private InflightQueue? InflightOf(Vring ring) =>
        Inflight is { } region && region.IsPacked == IsPacked && ring.Size <= region.QueueSize
            ? region.Queue(ring.Index)
            : null;

    private (ulong Descriptors, ulong Available, ulong Used) SizesOf(uint size)
    {
        const ulong EventAreaBytes = 4;
        if (IsPacked)
        {
            return (16UL * size, EventAreaBytes, EventAreaBytes);
        }

        ulong eventBytes = (Features & VirtioFeatures.EventIndex) != 0 ? 2u : 0u;
        return (16UL * size, 4 + (2UL * size) + eventBytes, 4 + (8UL * size) + eventBytes);
    }

    // SAFETY: the pointer is only compared and handed on.
    private unsafe nint? Find(string part, ulong address, ulong bytes, ref string fault)
    {
        byte* place = Memory.TranslateUser(address, bytes);
        if (place != null)
        {
            return (nint)place;
        }

        fault = $"{part} address 0x{address:x} + {bytes} is not inside one memory region";
        return null;
    }
}
