namespace Grpc.Core.Interceptors;

/// <summary>Names another authority in every call that names none.</summary>
internal sealed class HostInterceptor(string host) : RewritingInterceptor
{
    protected override ClientInterceptorContext<TRequest, TResponse> Rewrite<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context) =>
        context.Host is null
            ? new ClientInterceptorContext<TRequest, TResponse>(context.Method, host, context.Options)
            : context;
}
