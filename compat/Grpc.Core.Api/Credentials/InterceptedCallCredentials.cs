namespace Grpc.Core;

/// <summary>Credentials that a function adds to each call's headers.</summary>
internal sealed class InterceptedCallCredentials(AsyncAuthInterceptor interceptor) : CallCredentials
{
    public override void InternalPopulateConfiguration(CallCredentialsConfiguratorBase configurator, object? state) =>
        configurator.SetAsyncAuthInterceptorCredentials(state, interceptor);
}
