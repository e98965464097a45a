using Nf.DataPlane.Vhost.Memory;
using Nf.Linux;

namespace Nf.DataPlane.Vhost.Rings;

/// <summary>Everything a ring needs to run: what SET_VRING_NUM, ADDR, BASE, CALL and the features said,
/// checked.</summary>
internal sealed unsafe class VirtqueueSetup
{
    /// <summary>Index of the ring: even for what the guest receives, odd for what it sends.</summary>
    internal required int Index { get; init; }

    /// <summary>Descriptors: 1 to 32768, a power of two unless packed.</summary>
    internal required uint Size { get; init; }

    /// <summary>Features that the driver accepted (VIRTIO_F_*, VIRTIO_NET_F_*).</summary>
    internal required ulong Features { get; init; }

    /// <summary>Descriptor table, or descriptor ring when packed; all of it inside one mapping.</summary>
    internal required byte* Descriptors { get; init; }

    /// <summary>Available ring, or driver event area when packed; all of it inside one mapping.</summary>
    internal required byte* Available { get; init; }

    /// <summary>Used ring, or device event area when packed; all of it inside one mapping.</summary>
    internal required byte* Used { get; init; }

    /// <summary>Guest address of the used ring (of the device event area when packed) for the dirty log; null while
    /// writes to it are not to be logged (VHOST_VRING_F_LOG).</summary>
    internal ulong? UsedLogAddress { get; init; }

    /// <summary>Guest address of <see cref="Descriptors"/>: a packed ring is written there.</summary>
    internal ulong DescriptorsGuestAddress { get; init; }

    /// <summary>Where to go on, as SET_VRING_BASE says it: the index of a split ring, positions and wrap counters of
    /// a packed one.</summary>
    internal required uint Base { get; init; }

    /// <summary>The memory that descriptors name.</summary>
    internal required GuestMemory Memory { get; init; }

    /// <summary>Where writes are recorded; null while they are not.</summary>
    internal DirtyLog? Log { get; init; }

    /// <summary>Signalled for the driver; null when it wants no signals (VHOST_VRING_NOFD).</summary>
    internal EventFd? Call { get; init; }

    /// <summary>Part of the inflight region that belongs to this ring; null without one.</summary>
    internal InflightQueue? Inflight { get; init; }

    /// <summary>Where the ring writes down how far it is, so that a next life can go on. SAFETY: mapped longer than
    /// the ring runs.</summary>
    internal required VringRecord* Record { get; init; }

    /// <summary>The same, to go on elsewhere.</summary>
    /// <param name="position">As <see cref="Base"/>.</param>
    internal VirtqueueSetup At(uint position) => new()
    {
        Index = Index,
        Size = Size,
        Features = Features,
        Descriptors = Descriptors,
        Available = Available,
        Used = Used,
        UsedLogAddress = UsedLogAddress,
        DescriptorsGuestAddress = DescriptorsGuestAddress,
        Base = position,
        Memory = Memory,
        Log = Log,
        Call = Call,
        Inflight = Inflight,
        Record = Record,
    };
}
