namespace Grpc.Core;

/// <summary>Credentials of single calls, such as a bearer token.</summary>
public abstract class CallCredentials
{
    /// <summary>Credentials that a function adds to each call's headers.</summary>
    public static CallCredentials FromInterceptor(AsyncAuthInterceptor interceptor)
    {
        ArgumentNullException.ThrowIfNull(interceptor);
        return new InterceptedCallCredentials(interceptor);
    }

    /// <summary>All of <paramref name="credentials"/> together.</summary>
    public static CallCredentials Compose(params CallCredentials[] credentials)
    {
        ArgumentNullException.ThrowIfNull(credentials);
        return new CompositeCallCredentials([.. credentials]);
    }

    /// <summary>Tells a transport what these credentials are made of.</summary>
    public abstract void InternalPopulateConfiguration(CallCredentialsConfiguratorBase configurator, object? state);
}
