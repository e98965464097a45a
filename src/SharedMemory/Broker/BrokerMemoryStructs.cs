using System.Runtime.InteropServices;

namespace Nf.SharedMemory.Broker;

/// <summary>Which descriptors come with MEMORY_CREATE, in this order.</summary>
[Flags]
public enum MemoryDescriptors : uint
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The memfd that the range is a mapping of.</summary>
    MemoryFile = 1,

    /// <summary>A userfaultfd that the range is registered with.</summary>
    UserFaultFd = 2,

    /// <summary>The process; without it, the one that connected.</summary>
    PidFd = 4,

    /// <summary>All there are.</summary>
    Known = 7,
}

/// <summary>MEMORY_CREATE.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct MemoryCreateRequest
{
    /// <summary>Where the range is in the client.</summary>
    public ulong Address;

    /// <summary>Bytes of it.</summary>
    public ulong Bytes;

    /// <summary>Where it is in the memfd, in bytes.</summary>
    public ulong FileOffset;

    /// <summary>READ_ONLY 0x1, UNSYNCHRONIZED 0x80000000.</summary>
    public uint Flags;

    /// <summary>Which descriptors come with it.</summary>
    public MemoryDescriptors Descriptors;
}

/// <summary>MEMORY_ACQUIRE, _RELEASE, _CLOSE, _EXPORT and _STATUS.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct MemoryReference
{
    /// <summary>The object; 1 or more.</summary>
    public uint Handle;

    /// <summary>Zero.</summary>
    public uint Reserved;
}

/// <summary>The answer to a message on a memory object, and MEMORY_STATE.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct MemoryAnswer
{
    /// <summary>The object.</summary>
    public uint Handle;

    /// <summary>1 REGISTERED, 2 ACQUIRING, 3 ACTIVE, 4 INVALIDATED.</summary>
    public uint State;

    /// <summary>Why it could not be acquired, until it is released: an errno, or 0.</summary>
    public uint Failure;

    /// <summary>Zero.</summary>
    public uint Reserved;
}
