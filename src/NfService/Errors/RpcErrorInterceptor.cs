using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Nf.Service;

/// <summary>Turns what handlers throw into answers, for every kind of call. Nothing else catches for callers.</summary>
internal sealed class RpcErrorInterceptor(ILogger<RpcErrorInterceptor> logger) : Interceptor
{
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation) =>
        Guard(context, () => continuation(request, context));

    public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        ServerCallContext context,
        ClientStreamingServerMethod<TRequest, TResponse> continuation) =>
        Guard(context, () => continuation(requestStream, context));

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation) =>
        Guard(context, () => AsResult(continuation(request, responseStream, context)));

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation) =>
        Guard(context, () => AsResult(continuation(requestStream, responseStream, context)));

    private static async Task<bool> AsResult(Task task)
    {
        await task;
        return true;
    }

    private async Task<T> Guard<T>(ServerCallContext context, Func<Task<T>> handle)
    {
        try
        {
            return await handle();
        }
        catch (RpcException)
        {
            throw;
        }
        catch (Exception e) when (ErrorMap.ToRpc(e) is { } answer)
        {
            throw answer;
        }
        catch (Exception) when (context.CancellationToken.IsCancellationRequested)
        {
            // Whatever a handler throws once its caller is gone; writing to a closed stream is an InvalidOperation.
            bool isLate = context.Deadline <= DateTime.UtcNow;
            throw new RpcException(isLate
                ? new Status(StatusCode.DeadlineExceeded, "the deadline passed")
                : new Status(StatusCode.Cancelled, "the call was cancelled"));
        }
        catch (Exception e)
        {
            // A bug: the log has the details, the caller does not get them.
            Log.RequestFailed(logger, context.Method, e);
            throw new RpcException(new Status(StatusCode.Internal, "an internal error; the service's log tells more"));
        }
    }
}
