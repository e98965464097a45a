using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Nf.Compat.Tests.Server;

/// <summary>
/// Says in a trailer which of the four server handlers saw the call, and repeats the client's own word.
/// </summary>
internal sealed class KindInterceptor : Interceptor
{
    internal const string Trailer = "server-kind";
    internal const string ClientTrailer = "client-kind-seen";

    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        Mark(context, MethodType.Unary);
        return continuation(request, context);
    }

    public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        ServerCallContext context,
        ClientStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Mark(context, MethodType.ClientStreaming);
        return continuation(requestStream, context);
    }

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Mark(context, MethodType.ServerStreaming);
        return continuation(request, responseStream, context);
    }

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Mark(context, MethodType.DuplexStreaming);
        return continuation(requestStream, responseStream, context);
    }

    private static void Mark(ServerCallContext context, MethodType kind)
    {
        context.ResponseTrailers.Add(Trailer, kind.ToString());
        context.ResponseTrailers.Add(ClientTrailer, context.RequestHeaders.GetValue("client-kind") ?? "none");
    }
}
