namespace Grpc.Core;

/// <summary>
/// A call that ended with a status other than OK; thrown by clients, and by handlers to choose the status.
/// </summary>
public class RpcException : Exception
{
    /// <summary>Fails with <paramref name="status"/>.</summary>
    public RpcException(Status status)
        : this(status, Metadata.Empty, status.ToString())
    {
    }

    /// <summary>Fails with <paramref name="status"/> and a message of its own for the exception.</summary>
    public RpcException(Status status, string message)
        : this(status, Metadata.Empty, message)
    {
    }

    /// <summary>Fails with <paramref name="status"/> and trailers.</summary>
    public RpcException(Status status, Metadata trailers)
        : this(status, trailers, status.ToString())
    {
    }

    /// <summary>Fails with <paramref name="status"/>, trailers and a message of its own for the exception.</summary>
    public RpcException(Status status, Metadata trailers, string message)
        : base(message, status.DebugException)
    {
        ArgumentNullException.ThrowIfNull(trailers);
        Status = status;
        Trailers = trailers;
    }

    /// <summary>The status.</summary>
    public Status Status { get; }

    /// <summary>The code of <see cref="Status"/>.</summary>
    public StatusCode StatusCode => Status.StatusCode;

    /// <summary>Trailers that came, or shall go, with the status.</summary>
    public Metadata Trailers { get; }
}
