namespace Grpc.Core;

/// <summary>Credentials of a channel: none, TLS, or TLS with credentials for every call.</summary>
public abstract class ChannelCredentials
{
    /// <summary>No TLS.</summary>
    public static ChannelCredentials Insecure { get; } = new InsecureCredentials();

    /// <summary>TLS with the system's trust anchors.</summary>
    public static ChannelCredentials SecureSsl { get; } = new SslCredentials();

    /// <summary>Whether call credentials may be added: only where they do not travel in the clear.</summary>
    internal virtual bool IsComposable => false;

    /// <summary>A channel's credentials with credentials for every call.</summary>
    public static ChannelCredentials Create(ChannelCredentials channelCredentials, CallCredentials callCredentials)
    {
        ArgumentNullException.ThrowIfNull(channelCredentials);
        ArgumentNullException.ThrowIfNull(callCredentials);
        return channelCredentials.IsComposable
            ? new CompositeChannelCredentials(channelCredentials, callCredentials)
            : throw new ArgumentException(
                "call credentials can only be added to a secure channel's", nameof(channelCredentials));
    }

    /// <summary>Tells a transport what these credentials are made of.</summary>
    public abstract void InternalPopulateConfiguration(ChannelCredentialsConfiguratorBase configurator, object? state);
}
