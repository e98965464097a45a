using Nf.Linux;

namespace Nf.DataPlane.Control;

/// <summary>Waits on many descriptors and calls what belongs to the one that is ready. The control thread's only
/// wait.</summary>
internal sealed class EventLoop : IDisposable
{
    private readonly Epoll _epoll = new();
    private readonly EpollEvent[] _events = new EpollEvent[Epoll.EventCountMax];
    private readonly Dictionary<ulong, Handler> _handlers = [];
    private readonly Dictionary<FileDescriptor, ulong> _tokens = [];
    private ulong _lastToken;

    /// <summary>Calls <paramref name="handler"/> whenever the descriptor can be read, or is at its end.</summary>
    /// <param name="descriptor">What to wait for; removed before it is closed.</param>
    /// <param name="handler">What to call.</param>
    /// <param name="writable">What to call when it can be written to, while <see cref="WaitWritable"/> says so.</param>
    internal void Add(FileDescriptor descriptor, Action handler, Action? writable = null)
    {
        ulong token = ++_lastToken;
        _epoll.Add(descriptor, EpollEvents.In, token);
        _handlers.Add(token, new Handler(handler, writable));
        _tokens.Add(descriptor, token);
    }

    /// <summary>Also waits until a descriptor can be written to, or not any more.</summary>
    internal void WaitWritable(FileDescriptor descriptor, bool wanted)
    {
        ulong token = _tokens[descriptor];
        Handler handler = _handlers[token];
        if (handler.WaitsWritable != wanted)
        {
            handler.WaitsWritable = wanted;
            _epoll.Modify(descriptor, wanted ? EpollEvents.In | EpollEvents.Out : EpollEvents.In, token);
        }
    }

    /// <summary>Forgets a descriptor; before it is closed.</summary>
    internal void Remove(FileDescriptor descriptor)
    {
        if (_tokens.Remove(descriptor, out ulong token))
        {
            _handlers.Remove(token);
            _epoll.Remove(descriptor);
        }
    }

    /// <summary>Waits once and calls what is due.</summary>
    /// <param name="timeoutMs">Longest wait in milliseconds; -1 for no limit.</param>
    internal void RunOnce(int timeoutMs = -1)
    {
        int count = _epoll.Wait(_events, timeoutMs);
        for (int i = 0; i < count; i++)
        {
            // A handler called before may have removed this one.
            EpollEvents events = _events[i].Events;
            if ((events & ~EpollEvents.Out) != 0 && _handlers.TryGetValue(_events[i].Token, out Handler? readable))
            {
                readable.Readable();
            }

            if ((events & EpollEvents.Out) != 0 && _handlers.TryGetValue(_events[i].Token, out Handler? writable))
            {
                writable.Writable?.Invoke();
            }
        }
    }

    public void Dispose() => _epoll.Dispose();

    private sealed class Handler(Action readable, Action? writable)
    {
        internal Action Readable { get; } = readable;

        internal Action? Writable { get; } = writable;

        internal bool WaitsWritable { get; set; }
    }
}
