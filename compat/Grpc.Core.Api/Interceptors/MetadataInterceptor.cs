namespace Grpc.Core.Interceptors;

/// <summary>Passes the headers of every call through a function.</summary>
internal sealed class MetadataInterceptor(Func<Metadata, Metadata> rewrite) : RewritingInterceptor
{
    protected override ClientInterceptorContext<TRequest, TResponse> Rewrite<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context)
    {
        Metadata headers = rewrite(context.Options.Headers ?? []);
        return new ClientInterceptorContext<TRequest, TResponse>(
            context.Method, context.Host, context.Options.WithHeaders(headers));
    }
}
