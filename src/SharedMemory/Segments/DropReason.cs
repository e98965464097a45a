namespace Nf.SharedMemory.Segments;

/// <summary>Why a worker dropped a received packet. The number is the index into <see cref="PortDrops"/>.</summary>
/// <remarks>
/// Packets that the kernel dropped before they reached the worker are counted by the kernel
/// (<see cref="PortKernel"/>): ring full, fill ring empty, too large.
/// </remarks>
public enum DropReason
{
    /// <summary>The socket is in no link.</summary>
    NoLink = 0,

    /// <summary>The socket to send by is down, lost or unbound.</summary>
    PeerDown = 1,

    /// <summary>The frame is larger than the interface to send by takes (MTU and Ethernet header).</summary>
    TooLarge = 2,

    /// <summary>The frame is shorter than an Ethernet header.</summary>
    TooShort = 3,

    /// <summary>The frame has several chunks and the socket to send by takes frames of one, or of fewer.</summary>
    TooManySegments = 4,

    /// <summary>No free chunk in the UMEM of the socket to send by (links between UMEMs).</summary>
    NoFreeChunk = 5,

    /// <summary>The descriptor that the kernel wrote does not name a chunk we gave it.</summary>
    InvalidDescriptor = 6,

    /// <summary>The socket was being unbound, or its link deleted, with the packet in hand.</summary>
    Teardown = 7,

    /// <summary>The guest to send to had no buffer, or no large enough one.</summary>
    NoGuestBuffer = 8,

    /// <summary>The ring to send by is stopped or disabled by the guest.</summary>
    RingDisabled = 9,

    /// <summary>The guest's descriptor chain breaks a rule: its memory, direction or length is wrong, or it comes in so
    /// many pieces that a burst ends before it.</summary>
    BadChain = 10,

    /// <summary>The frame's virtio header asks for a checksum or segmentation that its bytes do not allow.</summary>
    BadOffload = 11,

    /// <summary>The bridge knows that the receiver is on the port it came from.</summary>
    SamePort = 12,

    /// <summary>The TX ring of the socket to send by was full, and the frame could not wait: on a bridge, where one
    /// slow port must not stop the others, or because it makes more segments than the ring has slots.</summary>
    TxRingFull = 13,

    /// <summary>The queue of the cpumap's entry, or the one that leads on from it, was full.</summary>
    CpumapFull = 14,

    /// <summary>The cpumap has no entry for the CPU that was chosen.</summary>
    CpumapNoEntry = 15,

    /// <summary>The program of the cpumap's entry dropped it.</summary>
    CpumapProgram = 16,

    /// <summary>It was on its way through a cpumap when the data plane was killed.</summary>
    CpumapLost = 17,
}

/// <summary>Names of the drop reasons in metrics and messages.</summary>
public static class DropReasons
{
    /// <summary>Number of reasons.</summary>
    public const int Count = 18;

    /// <summary>Room for reasons in the segment: three whole cache lines.</summary>
    public const int Capacity = 24;

    private static readonly string[] Names =
    [
        "no_link", "peer_down", "too_large", "too_short", "too_many_segments", "no_free_chunk", "invalid_descriptor",
        "teardown", "no_guest_buffer", "ring_disabled", "bad_chain", "bad_offload", "same_port",
        "tx_ring_full", "cpumap_full", "cpumap_no_entry", "cpumap_program", "cpumap_lost",
    ];

    /// <summary>The name of a reason, such as <c>no_link</c>.</summary>
    public static string Name(DropReason reason) => Names[(int)reason];
}
