namespace Grpc.Core;

/// <summary>Messages that arrive one after the other. One reader at a time.</summary>
/// <typeparam name="T">The message type.</typeparam>
public interface IAsyncStreamReader<out T>
{
    /// <summary>The message the last <see cref="MoveNext"/> brought.</summary>
    T Current { get; }

    /// <summary>Waits for the next message; false at the end of the stream.</summary>
    /// <exception cref="RpcException">The call ended with a status other than OK.</exception>
    Task<bool> MoveNext(CancellationToken cancellationToken);
}
