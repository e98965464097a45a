namespace Grpc.Core;

/// <summary>Shorthand for readers.</summary>
public static class AsyncStreamReaderExtensions
{
    /// <summary>Waits for the next message without a way to cancel the wait.</summary>
    public static Task<bool> MoveNext<T>(this IAsyncStreamReader<T> streamReader)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(streamReader);
        return streamReader.MoveNext(CancellationToken.None);
    }
}
