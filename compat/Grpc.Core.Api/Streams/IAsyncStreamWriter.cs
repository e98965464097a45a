namespace Grpc.Core;

/// <summary>Messages that leave one after the other. One write at a time.</summary>
/// <typeparam name="T">The message type.</typeparam>
public interface IAsyncStreamWriter<in T>
{
    /// <summary>How the next messages are written.</summary>
    WriteOptions? WriteOptions { get; set; }

    /// <summary>Writes a message; completes when the transport took it.</summary>
    Task WriteAsync(T message);

    /// <summary>Writes a message unless cancelled first.</summary>
    /// <remarks>A default implementation, so that writers older than this overload still load.</remarks>
    Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled(cancellationToken);
        }

        return cancellationToken.CanBeCanceled
            ? throw new NotSupportedException("cancellation of stream writes is not supported by this writer")
            : WriteAsync(message);
    }
}
