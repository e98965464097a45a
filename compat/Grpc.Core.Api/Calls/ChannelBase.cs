namespace Grpc.Core;

/// <summary>A connection, or several, to a server.</summary>
public abstract class ChannelBase
{
    /// <summary>A channel to <paramref name="target"/>.</summary>
    protected ChannelBase(string target)
    {
        ArgumentNullException.ThrowIfNull(target);
        Target = target;
    }

    /// <summary>Where it leads.</summary>
    public string Target { get; }

    /// <summary>What makes calls on this channel.</summary>
    public abstract CallInvoker CreateCallInvoker();

    /// <summary>Closes the channel.</summary>
    public Task ShutdownAsync() => ShutdownAsyncCore();

    /// <summary>
    /// Behind <see cref="ShutdownAsync"/>; a channel without anything to wait for need not override it.
    /// </summary>
    protected virtual Task ShutdownAsyncCore() => Task.CompletedTask;
}
