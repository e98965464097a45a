using Nf.DataPlane.Control;
using Nf.Linux;
using Nf.SharedMemory.Broker;

namespace Nf.DataPlane.Broker;

/// <summary>The broker socket: lets clients in, reads their messages, ends those that break the rules. Everything on
/// the control thread, nothing waits; a client that lies costs only itself.</summary>
internal sealed class BrokerServer : IDisposable
{
    private readonly SeqPacketSocket _listener;
    private readonly EventLoop _loop;
    private readonly LeaseTable _leases;
    private readonly BrokerUsers _users;
    private readonly BrokerRequests _requests;
    private readonly ClientMemories _memories;
    private readonly List<BrokerConnection> _connections = [];
    private readonly byte[] _buffer = new byte[BrokerProtocol.MessageBytesMax];
    private readonly List<FileDescriptor> _received = [];
    private bool _paused;

    internal BrokerServer(
        SeqPacketSocket listener, EventLoop loop, LeaseTable leases, BrokerUsers users, BrokerRequests requests,
        ClientMemories memories)
    {
        _listener = listener;
        _loop = loop;
        _leases = leases;
        _users = users;
        _requests = requests;
        _memories = memories;
        _loop.Add(listener.Descriptor, Accept);
        _leases.Changed += Tell;
    }

    /// <summary>Clients that are connected.</summary>
    internal IReadOnlyList<BrokerConnection> Connections => _connections;

    /// <summary>Clients that were turned away or cut off since this life began.</summary>
    internal ulong CutOffCount { get; private set; }

    /// <summary>Serves a client of an earlier life from here on.</summary>
    internal void Adopt(BrokerConnection client)
    {
        client.IsGreeted = true;
        Watch(client);
        if (!_requests.TellLife(client))
        {
            Close(client);
        }
    }

    /// <summary>What only time tells: clients that do not read or do not greet, leases that nobody took up.</summary>
    internal void Tick(long nowNs)
    {
        if (_paused)
        {
            _paused = false;
            _loop.Add(_listener.Descriptor, Accept);
        }

        foreach (BrokerConnection client in _connections.ToArray())
        {
            if (!client.Flush() || (!client.IsGreeted && nowNs - client.SinceNs > BrokerLimits.GreetingNs))
            {
                CutOffCount++;
                Close(client);
            }
        }

        _leases.Tick(nowNs);
        _users.ForgetIdle();
    }

    public void Dispose()
    {
        _leases.Changed -= Tell;
        foreach (BrokerConnection client in _connections)
        {
            Unwatch(client);
            client.Dispose();
        }

        _connections.Clear();
        if (!_paused)
        {
            _loop.Remove(_listener.Descriptor);
        }

        _listener.Dispose();
    }

    private void Accept()
    {
        SeqPacketSocket? socket = null;
        BrokerPeer? peer = null;
        try
        {
            socket = _listener.TryAccept();
            if (socket is null)
            {
                return;
            }

            peer = BrokerPeer.Of(socket);
        }
        catch (LinuxException)
        {
            // Such as EMFILE: until the next tick, or the loop would do nothing else.
            socket?.Dispose();
            _loop.Remove(_listener.Descriptor);
            _paused = true;
            return;
        }

        BrokerUser user = _users.Get(peer.Credentials.Uid);
        if (_connections.Count >= BrokerLimits.ConnectionCountMax
            || user.ConnectionCount >= BrokerLimits.UserConnectionCountMax)
        {
            CutOffCount++;
            peer.Dispose();
            socket.Dispose();
            return;
        }

        Watch(new BrokerConnection(socket, peer, user));
    }

    private void Watch(BrokerConnection client)
    {
        _connections.Add(client);
        _loop.Add(client.Descriptor, () => Serve(client), () => Serve(client));
        if (client.Peer.Process is { } process)
        {
            _loop.Add(process.Descriptor, () => Close(client));
        }
    }

    private void Unwatch(BrokerConnection client)
    {
        _loop.Remove(client.Descriptor);
        if (client.Peer.Process is { } process)
        {
            _loop.Remove(process.Descriptor);
        }
    }

    private void Serve(BrokerConnection client)
    {
        bool goesOn = client.Flush();

        // A few at a time: what is left is found by the next round of the loop. Who does not read is not read either.
        for (int i = 0; goesOn && i < BrokerLimits.MessagesPerTurn && !client.HasBacklog; i++)
        {
            TransferStatus status = client.TryReceive(_buffer, out int length, _received);
            if (status == TransferStatus.WouldBlock)
            {
                break;
            }

            if (status == TransferStatus.Closed)
            {
                StrayDescriptors.Close(_received);
                Close(client);
                return;
            }

            goesOn = Handle(client, _buffer.AsSpan(0, length)) && !client.IsClosed;
            StrayDescriptors.Close(_received);
        }

        if (!client.IsClosed && goesOn)
        {
            _loop.WaitWritable(client.Descriptor, client.HasBacklog);
        }
        else if (!client.IsClosed)
        {
            CutOffCount++;
            Close(client);
        }
    }

    private bool Handle(BrokerConnection client, ReadOnlySpan<byte> packet)
    {
        if (!BrokerCodec.TrySplit(packet, out BrokerMessage message))
        {
            return false;
        }

        Errno errno = BrokerCodec.CheckRequest(message, _received.Count, out string fault);
        if (errno == Errno.EPROTONOSUPPORT)
        {
            // It is told what is spoken here, and that is all.
            _requests.Refuse(client, message.Header, errno, fault);
            return false;
        }

        if (errno == Errno.None && !client.IsGreeted && message.Type != BrokerMessageType.Hello)
        {
            (errno, fault) = (Errno.EPROTO, "the first message is HELLO");
        }
        else if (errno == Errno.None && !client.User.Requests.TryTake(Clock.MonotonicNs()))
        {
            (errno, fault) = (
                Errno.EAGAIN, $"uid {client.User.Uid}: {BrokerLimits.RequestsPerSecond} requests per second");
        }

        return errno == Errno.None
            ? _requests.Execute(client, message, _received)
            : _requests.Refuse(client, message.Header, errno, fault)
                && ++client.OffenceCount < BrokerLimits.OffenceCountMax;
    }

    // Its client may be in the middle of something else: who cannot be told is found by the next tick.
    private void Tell(Lease lease)
    {
        if (lease.Holder is { } client)
        {
            _requests.Tell(client, lease);
        }
    }

    private void Close(BrokerConnection client)
    {
        if (!_connections.Remove(client))
        {
            return;
        }

        Unwatch(client);
        long now = Clock.MonotonicNs();
        foreach (Lease lease in client.Leases.ToArray())
        {
            _leases.Gone(lease, now);
        }

        client.Leases.Clear();
        _memories.Closed(client);
        client.Dispose();
    }
}
