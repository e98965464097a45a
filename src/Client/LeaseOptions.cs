using Nf.Linux;
using Nf.SharedMemory.Broker;

namespace Nf.Client;

/// <summary>What to lease.</summary>
public sealed record LeaseOptions
{
    /// <summary>The interface by name.</summary>
    public required string Interface { get; init; }

    /// <summary>Its network namespace; null for the data plane's own. Stays the caller's.</summary>
    public NetworkNamespace? Network { get; init; }

    /// <summary>The queue.</summary>
    public uint Queue { get; init; }

    /// <summary>Chunks of packet memory.</summary>
    public uint ChunkCount { get; init; } = 4096;

    /// <summary>Bytes of a chunk.</summary>
    public uint ChunkBytes { get; init; } = 2048;

    /// <summary>Entries of the RX and the fill ring: a power of two.</summary>
    public uint RxEntries { get; init; } = 2048;

    /// <summary>Entries of the TX and the completion ring: a power of two.</summary>
    public uint TxEntries { get; init; } = 2048;

    /// <summary>Zero-copy or copy, driver or generic hook, where it matters.</summary>
    public LeaseFlags Flags { get; init; }

    /// <summary>SERVICE: a memfd of the broker. OWN: memory of this process, which counts for its RLIMIT_MEMLOCK.
    /// </summary>
    public LeaseMemoryKind Memory { get; init; } = LeaseMemoryKind.Service;

    /// <summary>How long the lease is kept when this process is gone, for one that takes it up; in whole seconds.
    /// SERVICE only.</summary>
    public TimeSpan KeepFor { get; init; }

    /// <summary>How long to go on asking for a queue that is taken: the kernel frees one a moment after its socket is
    /// closed.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The request on the wire.</summary>
    internal LeaseRequest ToRequest() => new()
    {
        Flags = Flags | (Network is null ? 0 : LeaseFlags.NetworkNamespace),
        Interface = InterfaceName.From(Interface),
        Queue = Queue,
        KeepSeconds = (uint)KeepFor.TotalSeconds,
        RxEntries = RxEntries,
        TxEntries = TxEntries,
        FillEntries = RxEntries,
        CompletionEntries = TxEntries,
        MemoryKind = Memory,
        MemoryBytes = (ulong)ChunkCount * ChunkBytes,
        ChunkBytes = ChunkBytes,
        NotesBytes = Memory == LeaseMemoryKind.Service ? ChunkNotes.BytesFor(ChunkCount) : 0,
    };
}
