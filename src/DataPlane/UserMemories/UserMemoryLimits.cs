namespace Nf.DataPlane.UserMemories;

/// <summary>How much one client may have. All numbers are arbitrary; the broker's policy may set others.</summary>
internal sealed record UserMemoryLimits
{
    /// <summary>Largest object in bytes; E2BIG above.</summary>
    internal ulong ObjectBytesMax { get; init; } = 16UL << 30;

    /// <summary>Bytes that one client may have active; ENOBUFS above, as for RLIMIT_MEMLOCK.</summary>
    internal ulong ClientBytesMax { get; init; } = 32UL << 30;

    /// <summary>Objects of one connection; EMFILE above.</summary>
    internal int HandlesMax { get; init; } = 1024;

    /// <summary>Objects of one client, over all its connections; EMFILE above.</summary>
    internal int ClientObjectsMax { get; init; } = 4096;

    /// <summary>Whether there is a data plane that copies, and so can keep from writing: AF_XDP cannot.</summary>
    internal bool IsReadOnlySupported { get; init; } = true;

    /// <summary>Whether a file is sealed against holes (F_SEAL_FUTURE_WRITE) once it is mapped here. The client can
    /// then make no new writable mapping of it either.</summary>
    internal bool SealsAgainstHoles { get; init; }

    /// <summary>Threads that fetch pages, at most.</summary>
    internal int AcquireThreads { get; init; } = 16;

    /// <summary>Largest object in bytes that is taken on the spot, where that needs no fetching.</summary>
    internal ulong AtOnceBytesMax { get; init; } = 4UL << 20;
}
