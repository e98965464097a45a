using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>The command socket: accepts nf-service, answers it, tells it what happens.</summary>
internal sealed class CommandServer : IDisposable
{
    /// <summary>Connections at once: a service, its successor, and a few that look on. Arbitrary.</summary>
    private const int ConnectionCountMax = 8;

    private readonly SeqPacketSocket _listener;
    private readonly EventLoop _loop;
    private readonly EventLog _events;
    private readonly CommandDispatcher _dispatcher;
    private readonly Func<DataPlaneHello> _hello;
    private readonly FileDescriptor _segment;
    private readonly List<CommandConnection> _connections = [];

    internal CommandServer(
        SeqPacketSocket listener, EventLoop loop, EventLog events, CommandDispatcher dispatcher,
        Func<DataPlaneHello> hello, FileDescriptor segment)
    {
        _listener = listener;
        _loop = loop;
        _events = events;
        _dispatcher = dispatcher;
        _hello = hello;
        _segment = segment;
        _loop.Add(listener.Descriptor, Accept);
        _events.Added += Tell;
    }

    /// <summary>Gives peers another chance to read what waits for them.</summary>
    internal void Flush()
    {
        foreach (CommandConnection connection in _connections.ToArray())
        {
            if (!connection.Flush())
            {
                Close(connection);
            }
        }
    }

    public void Dispose()
    {
        _events.Added -= Tell;
        foreach (CommandConnection connection in _connections.ToArray())
        {
            Close(connection);
        }

        _listener.Dispose();
    }

    private void Accept()
    {
        if (_listener.TryAccept() is not { } socket)
        {
            return;
        }

        // Who may connect is said by the socket's mode (0600).
        if (_connections.Count >= ConnectionCountMax)
        {
            socket.Dispose();
            return;
        }

        var connection = new CommandConnection(socket);
        _connections.Add(connection);
        _loop.Add(connection.Descriptor, () => Serve(connection));
    }

    private void Serve(CommandConnection connection)
    {
        if (!connection.Serve(
                hello => Greet(connection, hello),
                command => _dispatcher.Execute(command, later => Answer(connection, later))))
        {
            Close(connection);
        }
    }

    private void Greet(CommandConnection connection, ServiceHello service)
    {
        connection.Greet(_hello(), _segment);

        // Events are numbered over all lives; those of earlier lives are gone with them.
        foreach (Event missed in _events.After(service.LastEventSequence))
        {
            connection.Send(missed);
        }
    }

    // A command took a while; its connection may be gone.
    private void Answer(CommandConnection connection, Reply reply)
    {
        if (_connections.Contains(connection) && !connection.Send(reply))
        {
            Close(connection);
        }
    }

    private void Tell(Event told)
    {
        foreach (CommandConnection connection in _connections.ToArray())
        {
            if (!connection.Send(told))
            {
                Close(connection);
            }
        }
    }

    private void Close(CommandConnection connection)
    {
        if (_connections.Remove(connection))
        {
            _loop.Remove(connection.Descriptor);
            connection.Dispose();
        }
    }
}
