using Nf.Linux;

namespace Nf.DataPlane.Broker;

/// <summary>One client: messages in, messages out, never waiting for it. Control thread only.</summary>
internal sealed class BrokerConnection : IDisposable
{
    private readonly SeqPacketSocket _socket;
    private readonly Queue<Outgoing> _backlog = new();
    private bool _closed;

    internal BrokerConnection(SeqPacketSocket socket, BrokerPeer peer, BrokerUser user)
    {
        _socket = socket;
        Peer = peer;
        User = user;
        SinceNs = Clock.MonotonicNs();
        user.ConnectionCount++;
    }

    /// <summary>For the event loop, and for the next life.</summary>
    internal FileDescriptor Descriptor => _socket.Descriptor;

    /// <summary>Who it is.</summary>
    internal BrokerPeer Peer { get; }

    /// <summary>Whose account it is on.</summary>
    internal BrokerUser User { get; }

    /// <summary>When it came, in CLOCK_MONOTONIC nanoseconds.</summary>
    internal long SinceNs { get; }

    /// <summary>Whether it has said HELLO.</summary>
    internal bool IsGreeted { get; set; }

    /// <summary>What its token lends; null without one.</summary>
    internal LeaseGrant? Grant { get; set; }

    /// <summary>Requests that were refused for their form, number or rate.</summary>
    internal int OffenceCount { get; set; }

    /// <summary>Leases that live and die with it.</summary>
    internal List<Lease> Leases { get; } = [];

    /// <summary>Whether messages wait for it to read.</summary>
    internal bool HasBacklog => _backlog.Count != 0;

    /// <summary>Whether it is over.</summary>
    internal bool IsClosed => _closed;

    /// <summary>The network namespace in which it made its socket.</summary>
    /// <exception cref="LinuxException">The kernel does not tell.</exception>
    internal NetworkNamespace OpenNetwork() => _socket.OpenPeerNetwork();

    /// <summary>Reads one message if one is there.</summary>
    internal TransferStatus TryReceive(Span<byte> buffer, out int length, List<FileDescriptor> descriptors)
    {
        try
        {
            return _socket.TryReceive(buffer, out length, descriptors);
        }
        catch (LinuxException)
        {
            // Larger than any message of ours, or with more descriptors than this process may open.
            length = 0;
            return TransferStatus.Closed;
        }
    }

    /// <summary>Sends a message, or keeps it until the client reads.</summary>
    /// <param name="message">Copied where it has to wait.</param>
    /// <param name="descriptors">Duplicated where they have to wait.</param>
    /// <returns>False when the client is gone, or has not read for too long.</returns>
    internal bool Send(ReadOnlySpan<byte> message, params ReadOnlySpan<FileDescriptor> descriptors)
    {
        if (_closed || _backlog.Count >= BrokerLimits.BacklogMax)
        {
            return false;
        }

        try
        {
            if (_backlog.Count == 0)
            {
                TransferStatus status = _socket.TrySend(message, descriptors);
                if (status != TransferStatus.WouldBlock)
                {
                    return status == TransferStatus.Done;
                }
            }

            _backlog.Enqueue(Outgoing.Of(message, descriptors));
            return true;
        }
        catch (LinuxException)
        {
            // Such as ETOOMANYREFS: a client that takes no descriptors has too many of them in flight.
            return false;
        }
    }

    /// <summary>Sends what the client had no room for.</summary>
    /// <returns>False when it is gone.</returns>
    internal bool Flush()
    {
        while (!_closed && _backlog.TryPeek(out Outgoing? first))
        {
            TransferStatus status;
            try
            {
                status = _socket.TrySend(first.Message, first.Descriptors);
            }
            catch (LinuxException)
            {
                return false;
            }

            if (status != TransferStatus.Done)
            {
                return status == TransferStatus.WouldBlock;
            }

            _backlog.Dequeue().Dispose();
        }

        return !_closed;
    }

    public void Dispose()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        User.ConnectionCount--;
        while (_backlog.TryDequeue(out Outgoing? unsent))
        {
            unsent.Dispose();
        }

        Peer.Dispose();
        _socket.Dispose();
    }

    /// <summary>A message that waits.</summary>
    private sealed record Outgoing(byte[] Message, FileDescriptor[] Descriptors) : IDisposable
    {
        internal static Outgoing Of(ReadOnlySpan<byte> message, ReadOnlySpan<FileDescriptor> descriptors)
        {
            var copies = new FileDescriptor[descriptors.Length];
            for (int i = 0; i < copies.Length; i++)
            {
                copies[i] = descriptors[i].Duplicate();
            }

            return new Outgoing(message.ToArray(), copies);
        }

        public void Dispose()
        {
            foreach (FileDescriptor descriptor in Descriptors)
            {
                descriptor.Dispose();
            }
        }
    }
}
