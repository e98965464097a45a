using System.Runtime.InteropServices;
using Nf.Linux;

namespace Nf.SharedMemory.Broker;

// The layouts of docs/broker.md, and of samples/c/nf_broker.h, whose static assertions compare the sizes. Numbers are
// little-endian, as are the machines this runs on.

/// <summary>The first 16 bytes of every message.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct BrokerHeader
{
    /// <summary><see cref="BrokerProtocol.Version"/>.</summary>
    public ushort Version;

    /// <summary>A <see cref="BrokerMessageType"/>, with the answer bit in answers.</summary>
    public ushort Type;

    /// <summary>Bytes of the whole message.</summary>
    public uint Length;

    /// <summary>Chosen by the client, echoed in the answer; 0 in what comes unasked.</summary>
    public uint Sequence;

    /// <summary>0 in requests; in answers an errno, 0 for done.</summary>
    public uint Result;
}

/// <summary>HELLO.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct HelloRequest
{
    /// <summary>From the control plane, or zeroes: then the policy decides.</summary>
    public BrokerToken Token;
}

/// <summary>The answer to HELLO: who serves, and how much this client may have.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct HelloAnswer
{
    /// <summary>Which life of the data plane this is.</summary>
    public ulong Generation;

    /// <summary>Most bytes of packet memory of this user.</summary>
    public ulong MemoryBytesMax;

    /// <summary>Bytes of it in use.</summary>
    public ulong MemoryBytes;

    /// <summary>Most leases of this user.</summary>
    public uint LeaseCountMax;

    /// <summary>Leases of it there are.</summary>
    public uint LeaseCount;

    /// <summary>Most entries of a ring.</summary>
    public uint RingEntriesMax;

    /// <summary>1 when a token was taken.</summary>
    public uint HasToken;
}

/// <summary>LEASE.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct LeaseRequest
{
    /// <summary>What is asked for.</summary>
    public LeaseFlags Flags;

    /// <summary>The interface by index; 0 when by name.</summary>
    public uint Ifindex;

    /// <summary>The interface by name; empty when by index.</summary>
    public InterfaceName Interface;

    /// <summary>The queue.</summary>
    public uint Queue;

    /// <summary>How many seconds the lease is kept when this client is gone; 0 not at all.</summary>
    public uint KeepSeconds;

    /// <summary>Entries of the RX ring.</summary>
    public uint RxEntries;

    /// <summary>Entries of the TX ring.</summary>
    public uint TxEntries;

    /// <summary>Entries of the fill ring.</summary>
    public uint FillEntries;

    /// <summary>Entries of the completion ring.</summary>
    public uint CompletionEntries;

    /// <summary>Whose memory.</summary>
    public LeaseMemoryKind MemoryKind;

    /// <summary>The object, for memory of kind USER; else 0.</summary>
    public uint MemoryHandle;

    /// <summary>Bytes from the beginning of the object; else 0.</summary>
    public ulong MemoryOffset;

    /// <summary>Bytes of packet memory.</summary>
    public ulong MemoryBytes;

    /// <summary>Bytes of a chunk.</summary>
    public uint ChunkBytes;

    /// <summary>Bytes left free in front of a received frame, beside the kernel's 256.</summary>
    public uint HeadroomBytes;

    /// <summary>XDP_UMEM_… flags.</summary>
    public uint UmemFlags;

    /// <summary>Bytes of metadata in front of a frame to send.</summary>
    public uint TxMetadataBytes;

    /// <summary>Bytes behind the packet memory, in the same memfd, that no packet is in: for a client's notes, which
    /// outlive it with the lease. Kind SERVICE only.</summary>
    public uint NotesBytes;

    /// <summary>Zero.</summary>
    public uint Reserved;
}

/// <summary>The answer to LEASE, REGISTERED and TAKE_UP: everything that is to know of a lease.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct LeaseAnswer
{
    /// <summary>The lease.</summary>
    public ulong Lease;

    /// <summary>With the number, what TAKE_UP asks for.</summary>
    public LeaseSecret Secret;

    /// <summary>Where it stands.</summary>
    public LeaseState State;

    /// <summary>What was granted.</summary>
    public LeaseFlags Granted;

    /// <summary>Index of the interface in its namespace.</summary>
    public uint Ifindex;

    /// <summary>The queue.</summary>
    public uint Queue;

    /// <summary>Entries of the RX ring.</summary>
    public uint RxEntries;

    /// <summary>Entries of the TX ring.</summary>
    public uint TxEntries;

    /// <summary>Entries of the fill ring.</summary>
    public uint FillEntries;

    /// <summary>Entries of the completion ring.</summary>
    public uint CompletionEntries;

    /// <summary>Whose memory.</summary>
    public LeaseMemoryKind MemoryKind;

    /// <summary>The object, for memory of kind USER.</summary>
    public uint MemoryHandle;

    /// <summary>Bytes of packet memory; they begin at offset 0 of a memfd of kind SERVICE.</summary>
    public ulong MemoryBytes;

    /// <summary>Bytes of a chunk.</summary>
    public uint ChunkBytes;

    /// <summary>Bytes left free in front of a received frame, beside the kernel's 256.</summary>
    public uint HeadroomBytes;

    /// <summary>XDP_UMEM_… flags as they are registered.</summary>
    public uint UmemFlags;

    /// <summary>Bytes of metadata in front of a frame to send.</summary>
    public uint TxMetadataBytes;

    /// <summary>Where the notes begin in the memfd.</summary>
    public ulong NotesOffset;

    /// <summary>Bytes of notes.</summary>
    public uint NotesBytes;

    /// <summary>Largest frame in bytes that the interface takes (MTU and Ethernet header).</summary>
    public uint FrameBytesMax;

    /// <summary>Descriptors that one send call takes in copy mode; 0 for the kernel's 32.</summary>
    public uint TxBudget;

    /// <summary>How many seconds the lease is kept when its client is gone.</summary>
    public uint KeepSeconds;

    /// <summary>Where in the rings' mappings their parts are.</summary>
    public xdp_mmap_offsets Offsets;

    /// <summary>The interface's address.</summary>
    public MacBytes Mac;

    /// <summary>Zero.</summary>
    public ushort Reserved;

    /// <summary>The interface's name.</summary>
    public InterfaceName Interface;
}

/// <summary>REGISTERED and RELEASE.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct LeaseReference
{
    /// <summary>The lease.</summary>
    public ulong Lease;
}

/// <summary>TAKE_UP.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct TakeUpRequest
{
    /// <summary>The lease.</summary>
    public ulong Lease;

    /// <summary>Its secret.</summary>
    public LeaseSecret Secret;
}

/// <summary>LEASE_STATE; a text follows, to the end of the message.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct LeaseStateEvent
{
    /// <summary>The lease.</summary>
    public ulong Lease;

    /// <summary>Where it stands now.</summary>
    public LeaseState State;

    /// <summary>Zero.</summary>
    public uint Reserved;
}

/// <summary>LIFE.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct LifeEvent
{
    /// <summary>Which life of the data plane serves from here on.</summary>
    public ulong Generation;
}
