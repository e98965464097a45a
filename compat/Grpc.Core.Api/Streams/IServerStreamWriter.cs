namespace Grpc.Core;

/// <summary>The server's end of a response stream; it ends when the handler returns.</summary>
/// <typeparam name="T">The message type.</typeparam>
public interface IServerStreamWriter<in T> : IAsyncStreamWriter<T>;
