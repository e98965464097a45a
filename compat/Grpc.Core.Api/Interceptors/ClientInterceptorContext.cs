namespace Grpc.Core.Interceptors;

/// <summary>The outgoing call an interceptor sees; it passes the same or a changed one on.</summary>
/// <typeparam name="TRequest">What the client sends.</typeparam>
/// <typeparam name="TResponse">What the server sends.</typeparam>
public readonly struct ClientInterceptorContext<TRequest, TResponse>(
    Method<TRequest, TResponse> method, string? host, CallOptions options)
    where TRequest : class
    where TResponse : class
{
    /// <summary>The method.</summary>
    public Method<TRequest, TResponse> Method { get; } = method;

    /// <summary>The authority to name, or null for the channel's.</summary>
    public string? Host { get; } = host;

    /// <summary>What the caller chose.</summary>
    public CallOptions Options { get; } = options;
}
