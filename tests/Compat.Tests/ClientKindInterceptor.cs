using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Nf.Compat.Tests;

/// <summary>Says in a header which of the client's hooks saw the call; the outermost one speaks first.</summary>
internal sealed class ClientKindInterceptor(string name) : Interceptor
{
    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context,
        BlockingUnaryCallContinuation<TRequest, TResponse> continuation) =>
        continuation(request, Mark(context, "BlockingUnary"));

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
    {
        AsyncUnaryCall<TResponse> call = continuation(request, Mark(context, "Unary"));

        // Wrapped, as interceptors that look at responses do.
        return new AsyncUnaryCall<TResponse>(
            call.ResponseAsync, call.ResponseHeadersAsync, call.GetStatus, call.GetTrailers, call.Dispose);
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncServerStreamingCallContinuation<TRequest, TResponse> continuation) =>
        continuation(request, Mark(context, "ServerStreaming"));

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncClientStreamingCallContinuation<TRequest, TResponse> continuation) =>
        continuation(Mark(context, "ClientStreaming"));

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncDuplexStreamingCallContinuation<TRequest, TResponse> continuation) =>
        continuation(Mark(context, "DuplexStreaming"));

    private ClientInterceptorContext<TRequest, TResponse> Mark<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context, string kind)
        where TRequest : class
        where TResponse : class
    {
        string? before = context.Options.Headers?.GetValue("client-kind");
        string mark = $"{name}:{kind}";
        var headers = new Metadata { { "client-kind", before is null ? mark : $"{before},{mark}" } };
        return new ClientInterceptorContext<TRequest, TResponse>(
            context.Method, context.Host, context.Options.WithHeaders(headers));
    }
}
