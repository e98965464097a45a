namespace Nf.Linux.Tests.Support;

/// <summary>How a test wants its AF_XDP socket; 0 entries means no such ring.</summary>
public sealed record XskSetup
{
    public uint ChunkSize { get; init; } = 2048;

    public int ChunkCount { get; init; } = 256;

    public uint Headroom { get; init; }

    public uint UmemFlags { get; init; }

    public uint TxMetadataBytes { get; init; }

    public uint FillEntries { get; init; } = 64;

    public uint CompletionEntries { get; init; } = 64;

    public uint RxEntries { get; init; } = 64;

    public uint TxEntries { get; init; } = 64;

    public ushort BindFlags { get; init; } = IfXdp.XDP_COPY;

    public int Queue { get; init; }

    /// <summary>The socket whose memory is used, in place of memory of its own.</summary>
    public TestSocket? Shared { get; init; }
}
