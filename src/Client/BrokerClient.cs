using System.Diagnostics;
using Nf.Linux;
using Nf.SharedMemory.Broker;

namespace Nf.Client;

/// <summary>
/// A connection to the broker of a node: through it a program without privileges leases AF_XDP sockets. What was leased
/// lives as long as the connection, or is kept for a while if that was asked for.
/// </summary>
/// <remarks>One thread at a time. The data path does not touch it: a lease works while the broker restarts.</remarks>
public sealed class BrokerClient : IDisposable
{
    private const int AnswerTimeoutMs = 10_000;

    private readonly SeqPacketSocket _socket;
    private readonly Epoll _epoll = new();
    private readonly EpollEvent[] _ready = new EpollEvent[1];
    private readonly byte[] _buffer = new byte[BrokerProtocol.MessageBytesMax];
    private readonly List<FileDescriptor> _received = [];
    private readonly Queue<BrokerEvent> _events = new();
    private uint _sequence;

    private BrokerClient(SeqPacketSocket socket)
    {
        _socket = socket;
        _epoll.Add(socket.Descriptor, EpollEvents.In, 0);
    }

    /// <summary>For waiting: readable when the broker has something to tell, or is gone.</summary>
    public FileDescriptor Descriptor => _socket.Descriptor;

    /// <summary>Who serves, and how much this user may have, as it was when this connected.</summary>
    public HelloAnswer Info { get; private set; }

    /// <summary>Connects and says hello.</summary>
    /// <param name="path">The broker's socket: broker.sock in the run directory.</param>
    /// <param name="token">From the control plane; empty for none.</param>
    /// <exception cref="LinuxException">Nobody listens there.</exception>
    /// <exception cref="BrokerException">EACCES for a token that is not good, ECONNRESET when turned away.</exception>
    public static BrokerClient Connect(string path = "/run/nf/broker.sock", ReadOnlySpan<byte> token = default)
    {
        var hello = new HelloRequest { Token = token.IsEmpty ? default : BrokerToken.From(token) };
        var client = new BrokerClient(SeqPacketSocket.Connect(path));
        try
        {
            client.Info = client.Ask<HelloRequest, HelloAnswer>(BrokerMessageType.Hello, hello);
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Leases a socket: its memory, its rings, and the packets of a queue.</summary>
    /// <exception cref="BrokerException">EACCES by the policy, EBUSY for a queue that is taken, EINVAL with every fault
    /// of the request, ENODEV, EOPNOTSUPP.</exception>
    public XskLease Lease(LeaseOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        LeaseRequest request = options.ToRequest();
        FileDescriptor[] beside = options.Network is { } network ? [network.Descriptor] : [];
        using var pause = new ManualResetEventSlim();
        for (long start = Stopwatch.GetTimestamp(); ; pause.Wait(5))
        {
            try
            {
                LeaseAnswer answer = Ask<LeaseRequest, LeaseAnswer>(BrokerMessageType.Lease, request, beside);
                return XskLease.Open(this, answer, Taken(answer), isNew: true);
            }
            catch (BrokerException busy) when (
                busy.Errno is Errno.EBUSY or Errno.EAGAIN && Stopwatch.GetElapsedTime(start) < options.Patience)
            {
                // The kernel may not have let go of the queue yet.
            }
        }
    }

    /// <summary>Takes up what a process before this one had leased: the same socket, with what is in its rings.
    /// </summary>
    /// <param name="id">Number of the lease.</param>
    /// <param name="secret">Its secret.</param>
    /// <exception cref="BrokerException">ENOENT: over, of another user, or another secret. EBUSY: somebody has it.
    /// </exception>
    public XskLease TakeUp(ulong id, ReadOnlySpan<byte> secret)
    {
        var request = new TakeUpRequest { Lease = id, Secret = LeaseSecret.From(secret) };
        LeaseAnswer answer = Ask<TakeUpRequest, LeaseAnswer>(BrokerMessageType.TakeUp, request);
        return XskLease.Open(this, answer, Taken(answer), isNew: false);
    }

    /// <summary>Asks for a sign of life.</summary>
    public void Ping() => AskNothing(BrokerMessageType.Ping, default(Nothing), bodyBytes: false);

    /// <summary>What the broker told meanwhile, if anything.</summary>
    /// <exception cref="BrokerException">ECONNRESET: the broker is gone. Leases work on until the next data plane, or
    /// this client, ends them.</exception>
    public bool TryReadEvent(out BrokerEvent told)
    {
        while (_events.Count == 0)
        {
            if (_socket.TryReceive(_buffer, out int length, _received) is var status
                && status == TransferStatus.WouldBlock)
            {
                told = default;
                return false;
            }

            Keep(Split(status, length));
            CloseReceived();
        }

        told = _events.Dequeue();
        return true;
    }

    /// <summary>Ends the connection, and with it what was leased, unless it is to be kept.</summary>
    public void Dispose()
    {
        CloseReceived();
        _epoll.Dispose();
        _socket.Dispose();
    }

    /// <summary>Tells that own memory is registered.</summary>
    internal LeaseAnswer Registered(ulong lease) =>
        Ask<LeaseReference, LeaseAnswer>(BrokerMessageType.Registered, new LeaseReference { Lease = lease });

    /// <summary>Gives a lease back, if there is somebody to give it to.</summary>
    internal void TryRelease(ulong lease)
    {
        try
        {
            AskNothing(BrokerMessageType.Release, new LeaseReference { Lease = lease }, bodyBytes: true);
        }
        catch (Exception gone) when (gone is BrokerException or ObjectDisposedException or LinuxException)
        {
            // With its connection the lease is over, too.
        }
    }

    // The descriptors of a lease: its socket, and its memory where the broker made it.
    private List<FileDescriptor> Taken(in LeaseAnswer answer)
    {
        int expected = answer.MemoryKind == LeaseMemoryKind.Service ? 2 : 1;
        if (_received.Count != expected)
        {
            int count = _received.Count;
            CloseReceived();
            throw new BrokerException(Errno.EPROTO, $"a lease with {count} descriptors, expected {expected}");
        }

        List<FileDescriptor> taken = [.. _received];
        _received.Clear();
        return taken;
    }

    private TAnswer Ask<TRequest, TAnswer>(
        BrokerMessageType type, in TRequest request, params ReadOnlySpan<FileDescriptor> beside)
        where TRequest : unmanaged
        where TAnswer : unmanaged
    {
        int length = BrokerCodec.Write(_buffer, (ushort)type, ++_sequence, request);
        return Exchange(type, length, beside).Read<TAnswer>();
    }

    private void AskNothing<TRequest>(BrokerMessageType type, in TRequest request, bool bodyBytes)
        where TRequest : unmanaged
    {
        int length = bodyBytes
            ? BrokerCodec.Write(_buffer, (ushort)type, ++_sequence, request)
            : BrokerCodec.Write(_buffer, (ushort)type, ++_sequence);
        Exchange(type, length, []);
    }

    /// <summary>Sends a request and waits for its answer. Answers come in the order of requests: when another life of
    /// the data plane takes over meanwhile, a ping finds out whether the request was lost with the one before.
    /// </summary>
    private BrokerMessage Exchange(BrokerMessageType type, int length, ReadOnlySpan<FileDescriptor> beside)
    {
        CloseReceived();
        uint asked = _sequence;
        Send(_buffer.AsSpan(0, length), beside);
        while (true)
        {
            BrokerMessage message = Receive();
            if (!message.IsAnswer)
            {
                Keep(message);
                if (message.Type == BrokerMessageType.Life)
                {
                    byte[] ping = new byte[BrokerProtocol.HeaderBytes];
                    BrokerCodec.Write(ping, (ushort)BrokerMessageType.Ping, ++_sequence);
                    Send(ping, []);
                }
            }
            else if (message.Header.Sequence == asked)
            {
                Errno errno = (Errno)message.Header.Result;
                return errno == Errno.None ? message : throw new BrokerException(errno, message.Text());
            }
            else if (message.Header.Sequence > asked)
            {
                throw new BrokerException(
                    Errno.ECONNRESET, $"{type} was lost with a life of the data plane: ask again");
            }

            CloseReceived();
        }
    }

    private void Send(ReadOnlySpan<byte> message, ReadOnlySpan<FileDescriptor> beside)
    {
        try
        {
            _socket.Send(message, beside);
        }
        catch (LinuxException gone) when (gone.Errno == Errno.EPIPE)
        {
            throw Gone();
        }
    }

    private BrokerMessage Receive()
    {
        if (_epoll.Wait(_ready, AnswerTimeoutMs) == 0)
        {
            throw new BrokerException(Errno.ETIMEDOUT, $"the broker said nothing for {AnswerTimeoutMs} ms");
        }

        return Split(_socket.Receive(_buffer, out int length, _received), length);
    }

    private BrokerMessage Split(TransferStatus status, int length)
    {
        if (status == TransferStatus.Closed)
        {
            throw Gone();
        }

        return BrokerCodec.TrySplit(_buffer.AsSpan(0, length), out BrokerMessage message)
            ? message
            : throw new BrokerException(Errno.EPROTO, $"a message of {length} bytes that is none");
    }

    private void Keep(in BrokerMessage message)
    {
        switch (message.Type)
        {
            case BrokerMessageType.LeaseState when !message.IsAnswer:
                LeaseStateEvent state = message.Read<LeaseStateEvent>();
                _events.Enqueue(new BrokerEvent(message.Type, state.Lease, state.State, 0, message.Text(16)));
                break;
            case BrokerMessageType.Life when !message.IsAnswer:
                _events.Enqueue(new BrokerEvent(
                    message.Type, 0, LeaseState.None, message.Read<LifeEvent>().Generation, ""));
                break;
        }
    }

    private static BrokerException Gone() => new(Errno.ECONNRESET, "the broker is gone, or turned this client away");

    private void CloseReceived()
    {
        _received.ForEach(descriptor => descriptor.Dispose());
        _received.Clear();
    }

    /// <summary>No body.</summary>
    private readonly struct Nothing;
}
