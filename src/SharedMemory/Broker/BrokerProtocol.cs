namespace Nf.SharedMemory.Broker;

/// <summary>Numbers of the protocol between programs and the broker.</summary>
public static class BrokerProtocol
{
    /// <summary>Version of the protocol; the broker refuses any other.</summary>
    public const ushort Version = 1;

    /// <summary>Set in the type of an answer.</summary>
    public const ushort AnswerBit = 0x8000;

    /// <summary>Bytes before the body.</summary>
    public const int HeaderBytes = 16;

    /// <summary>Longest message in bytes; an arbitrary limit above the longest there is.</summary>
    public const int MessageBytesMax = 1024;

    /// <summary>Longest text of a refusal or an event in bytes.</summary>
    public const int TextBytesMax = 512;

    /// <summary>Most descriptors beside a message, of any kind.</summary>
    public const int DescriptorCountMax = 3;

    /// <summary>Bytes of a token.</summary>
    public const int TokenBytes = 32;

    /// <summary>Bytes of a lease's secret.</summary>
    public const int SecretBytes = 16;

    /// <summary>Bytes of an interface's name with its zero (IFNAMSIZ).</summary>
    public const int InterfaceNameBytes = 16;

    /// <summary>Longest time in seconds that a lease may be kept for a client that is gone; arbitrary: an hour.
    /// </summary>
    public const uint KeepSecondsMax = 3600;

    /// <summary>Most bytes of notes behind the packet memory; arbitrary.</summary>
    public const uint NotesBytesMax = 1 << 24;

    /// <summary>Most bytes of one lease's packet memory; arbitrary, the policy says less.</summary>
    public const ulong MemoryBytesMax = 1ul << 36;

    /// <summary>Name of the socket in the run directory.</summary>
    public const string SocketName = "broker.sock";
}

/// <summary>What a lease is asked for, and what was granted.</summary>
[Flags]
public enum LeaseFlags : uint
{
    /// <summary>Zero-copy or copy, driver or generic hook, whatever is best.</summary>
    None = 0,

    /// <summary>Asked: the descriptor beside the message is of the interface's network namespace.</summary>
    NetworkNamespace = 0x1,

    /// <summary>Asked: zero-copy or nothing. Granted: zero-copy.</summary>
    ZeroCopy = 0x2,

    /// <summary>Asked: copy even where zero-copy could be had. Granted: copy.</summary>
    Copy = 0x4,

    /// <summary>Asked: the XDP program in the driver or nothing. Granted: it runs there.</summary>
    Native = 0x8,

    /// <summary>Asked: the XDP program in the generic hook. Granted: it runs there.</summary>
    Generic = 0x10,

    /// <summary>No XDP_USE_NEED_WAKEUP.</summary>
    NoNeedWakeup = 0x20,

    /// <summary>Frames of several chunks (XDP_USE_SG).</summary>
    ScatterGather = 0x40,

    /// <summary>Everything a request may have.</summary>
    Known = 0x7f,
}

/// <summary>Whose memory the packets are in.</summary>
public enum LeaseMemoryKind : uint
{
    /// <summary>No kind.</summary>
    None = 0,

    /// <summary>The broker makes a memfd and sends it.</summary>
    Service = 1,

    /// <summary>A memory object of this connection (MEMORY_CREATE), which is a memfd of the client.</summary>
    User = 2,

    /// <summary>Any memory of the client: it registers it itself, on a socket that is bound afterwards.</summary>
    Own = 3,
}

/// <summary>Where a lease stands.</summary>
public enum LeaseState : uint
{
    /// <summary>No state.</summary>
    None = 0,

    /// <summary>The client is to register its memory (XDP_UMEM_REG) and to say REGISTERED.</summary>
    Registering = 1,

    /// <summary>Bound; packets of the queue arrive here.</summary>
    Bound = 2,

    /// <summary>Bound, the interface is down.</summary>
    DeviceDown = 3,

    /// <summary>The interface is gone; the socket is of no use any more: release the lease.</summary>
    DeviceLost = 4,

    /// <summary>The lease is over: packets of the queue go to the stack. The kernel keeps the queue for this socket
    /// until its last descriptor and mapping are closed, the client's too.</summary>
    Released = 5,
}
