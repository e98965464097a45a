using Nf.Linux;

namespace Nf.SharedMemory.Store;

/// <summary>Bounded waits for one socket.</summary>
internal sealed class StoreSocketWaiter : IDisposable
{
    private readonly SeqPacketSocket _socket;
    private readonly Epoll _epoll = new();

    internal StoreSocketWaiter(SeqPacketSocket socket)
    {
        _socket = socket;
        _epoll.Add(socket.Descriptor, EpollEvents.In, 0);
    }

    /// <summary>Waits until a message or the end of the connection is there; false after the timeout.</summary>
    internal bool WaitReadable(int timeoutMs) => Wait(EpollEvents.In, timeoutMs);

    /// <summary>Waits until a message can be sent or the connection is over; false after the timeout.</summary>
    internal bool WaitWritable(int timeoutMs) => Wait(EpollEvents.Out, timeoutMs);

    public void Dispose() => _epoll.Dispose();

    private bool Wait(EpollEvents events, int timeoutMs)
    {
        _epoll.Modify(_socket.Descriptor, events, 0);
        Span<EpollEvent> happened = stackalloc EpollEvent[1];
        return _epoll.Wait(happened, timeoutMs) > 0;
    }
}
