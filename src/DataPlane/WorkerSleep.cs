using Nf.DataPlane.Ports;
using Nf.Linux;

namespace Nf.DataPlane;

/// <summary>How a worker sleeps, and what wakes it: a frame at one of its ports, or an action in its inbox.</summary>
/// <remarks>
/// What ports are waited for by (sockets, kick eventfds) is in the epoll only around a sleep. While a socket is, the
/// kernel walks the epoll's wait queue for every frame received and for every sent one that is freed, which costs a
/// busy worker several percent. So they are added by the first sleep after much traffic and taken out again by
/// <see cref="Forget()"/>; a worker that sleeps between single packets leaves them in.
/// </remarks>
internal sealed class WorkerSleep : IDisposable
{
    private const ulong InboxToken = ulong.MaxValue;

    private readonly EventFd _wake = EventFd.Create();
    private readonly Epoll _epoll = new();
    private readonly EpollEvent[] _events = new EpollEvent[Epoll.EventCountMax];
    private readonly List<Port> _watched = [];

    internal WorkerSleep() => _epoll.Add(_wake.Descriptor, EpollEvents.In, InboxToken);

    /// <summary>Ends the sleep of now or, where there is none, the next one before it begins. From any
    /// thread.</summary>
    internal void Wake() => _wake.Signal();

    /// <summary>Sleeps until a port has something to receive, somebody calls <see cref="Wake"/>, or the time is
    /// over.</summary>
    /// <param name="ports">Every port of the worker.</param>
    /// <param name="milliseconds">Longest sleep; -1 for no limit.</param>
    internal void Wait(ReadOnlySpan<Port> ports, int milliseconds)
    {
        if (_watched.Count != ports.Length)
        {
            Watch(ports);
        }

        // Level-triggered: what came since the last look, even before the socket was added, ends the wait at once. An
        // edge is remembered from when it was added on, and what is readable then is one.
        int count = _epoll.Wait(_events, milliseconds);
        for (int i = 0; i < count; i++)
        {
            if (_events[i].Token == InboxToken)
            {
                _wake.TryDrain();
            }
            else
            {
                Acknowledge((int)_events[i].Token);
            }
        }
    }

    /// <summary>Lets the kernel forget the ports: nobody is going to sleep soon.</summary>
    internal void Forget()
    {
        foreach (Port port in _watched)
        {
            Unwatch(port);
        }

        _watched.Clear();
    }

    /// <summary>Lets the kernel forget one port, which the worker polls no more, or which is about to be waited for by
    /// something else.</summary>
    internal void Forget(Port port)
    {
        if (_watched.Remove(port))
        {
            Unwatch(port);
        }
    }

    public void Dispose()
    {
        // A port that is let go of later has nothing to be forgotten here.
        _watched.Clear();
        _epoll.Dispose();
        _wake.Dispose();
    }

    private void Watch(ReadOnlySpan<Port> ports)
    {
        foreach (Port port in ports)
        {
            if (!_watched.Contains(port))
            {
                foreach (FileDescriptor descriptor in port.Readiness)
                {
                    _epoll.Add(descriptor, port.ReadinessEvents, (ulong)port.Slot);
                }

                _watched.Add(port);
            }
        }
    }

    private void Unwatch(Port port)
    {
        foreach (FileDescriptor descriptor in port.Readiness)
        {
            _epoll.Remove(descriptor);
        }
    }

    private void Acknowledge(int slot)
    {
        foreach (Port port in _watched)
        {
            if (port.Slot == slot)
            {
                port.AcknowledgeWakeUp();
                return;
            }
        }
    }
}
