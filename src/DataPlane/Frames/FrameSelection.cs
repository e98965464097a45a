namespace Nf.DataPlane.Frames;

/// <summary>Which frames of a batch go one way: all of them on a link, those for one port on a bridge.</summary>
internal readonly ref struct FrameSelection(FrameBatch batch, ReadOnlySpan<byte> indices)
{
    private static readonly byte[] Ascending = [.. Enumerable.Range(0, (int)FrameBatch.CountMax).Select(i => (byte)i)];

    /// <summary>The batch.</summary>
    internal FrameBatch Batch { get; } = batch;

    /// <summary>Positions in the batch, ascending.</summary>
    internal ReadOnlySpan<byte> Indices { get; } = indices;

    /// <summary>Every frame of a batch.</summary>
    internal static FrameSelection All(FrameBatch batch) => new(batch, Ascending.AsSpan(0, (int)batch.Count));
}
