namespace Nf.Compat.Tests.Server;

/// <summary>Lets a test wait until a hanging handler has started, and until it was cancelled.</summary>
internal sealed class CancellationLog
{
    private readonly SemaphoreSlim _started = new(0);
    private readonly SemaphoreSlim _cancelled = new(0);

    internal void Started() => _started.Release();

    internal void Cancelled() => _cancelled.Release();

    internal Task<bool> WaitStartedAsync() => _started.WaitAsync(EchoServer.Patience);

    internal Task<bool> WaitCancelledAsync() => _cancelled.WaitAsync(EchoServer.Patience);
}
