using System.Buffers.Binary;
using Nf.Linux;

namespace Nf.SharedMemory.Store;

/// <summary>
/// A life's end of the store socket: it says that it is ready, waits for its turn, and leaves with the keeper whatever
/// the next life must find.
/// </summary>
/// <remarks>
/// Used by one thread. The keeper takes the end of this connection for the end of the life, so it is opened once and
/// lives as long as the process.
/// </remarks>
public sealed class StoreClient : IDisposable
{
    /// <summary>
    /// Longest wait for an answer of the keeper, which does nothing that takes time; an arbitrary limit.
    /// </summary>
    public const int AnswerTimeoutMs = 2000;

    private readonly SeqPacketSocket _socket;
    private readonly StoreSocketWaiter _waiter;
    private readonly EventFd _shutdownSeen = EventFd.Create();
    private readonly Epoll _signals = new();
    private readonly byte[] _heartbeat = MakeHeartbeat();
    private readonly byte[] _outgoing = new byte[StoreCodec.MessageBytesMax];
    private readonly byte[] _incoming = new byte[StoreCodec.MessageBytesMax];
    private readonly List<FileDescriptor> _received = [];
    private uint _sequence;
    private bool _shutdownPending;

    /// <param name="socket">Connected to the keeper; this object owns it from now on.</param>
    internal StoreClient(SeqPacketSocket socket)
    {
        _socket = socket;
        _waiter = new StoreSocketWaiter(socket);
        _signals.Add(socket.Descriptor, EpollEvents.In, 0);
        _signals.Add(_shutdownSeen.Descriptor, EpollEvents.In, 1);
    }

    /// <summary>For polling: readable when <see cref="ReadSignal"/> may have something to say.</summary>
    /// <remarks>An epoll descriptor: it stays readable for a SHUTDOWN that came while an answer was awaited.</remarks>
    public FileDescriptor Descriptor => _signals.Descriptor;

    /// <summary>Connects to the keeper's socket.</summary>
    /// <exception cref="LinuxException">Nobody listens at the path.</exception>
    public static StoreClient Connect(string path) => new(SeqPacketSocket.Connect(path));

    /// <summary>Tells the keeper that this life is warmed up. Said once.</summary>
    /// <exception cref="StoreException">The keeper is gone or does not read.</exception>
    public void AnnounceReady()
    {
        Span<byte> pid = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(pid, (uint)Environment.ProcessId);
        Send(StoreMessageType.Ready, 0, "", pid, []);
    }

    /// <summary>Waits, however long, for this life's turn.</summary>
    /// <returns>Null when the keeper ended this life before its turn came, or is gone itself.</returns>
    /// <exception cref="StoreException">The keeper broke the protocol.</exception>
    public Activation? WaitForActivation()
    {
        var entries = new List<StoreEntry>();
        Activation? activation = null;
        try
        {
            activation = ReceiveStore(entries);
            return activation;
        }
        finally
        {
            if (activation is null)
            {
                DisposeAll(entries);
            }
        }
    }

    /// <summary>Leaves descriptors with the keeper, in place of what was there under the key.</summary>
    /// <param name="key">1 to 128 bytes of UTF-8 without control characters.</param>
    /// <param name="metadata">At most 32 KiB.</param>
    /// <param name="descriptors">At most 16; copies travel, these stay the caller's.</param>
    /// <exception cref="StoreException">
    /// Refused, with the keeper's reason; or no answer within 2 s; or it is gone.
    /// </exception>
    public void Put(string key, ReadOnlySpan<byte> metadata, ReadOnlySpan<FileDescriptor> descriptors) =>
        Request(StoreMessageType.Put, key, metadata, descriptors);

    /// <summary>Makes the keeper forget a key and close its descriptors; a key it does not have is no error.</summary>
    /// <exception cref="StoreException">Refused; or no answer within 2 s; or the keeper is gone.</exception>
    public void Drop(string key) => Request(StoreMessageType.Drop, key, [], []);

    /// <summary>
    /// Tells the keeper that this life is well. Never waits: a keeper that does not read misses one beat. May be
    /// called by another thread than the rest.
    /// </summary>
    public void Heartbeat() => _socket.TrySend(_heartbeat);

    /// <summary>Looks whether the keeper has said something, without waiting.</summary>
    /// <exception cref="StoreException">The keeper broke the protocol.</exception>
    public KeeperSignal ReadSignal()
    {
        if (_shutdownPending)
        {
            _shutdownPending = false;
            _shutdownSeen.TryDrain();
            return KeeperSignal.Shutdown;
        }

        while (_waiter.WaitReadable(0))
        {
            if (!TryReceive(out StoreMessage message))
            {
                return KeeperSignal.Gone;
            }

            switch (message.Type)
            {
                case StoreMessageType.Shutdown:
                    return KeeperSignal.Shutdown;
                case StoreMessageType.Ack or StoreMessageType.Nak:
                    continue; // of a request that has been given up
                default:
                    throw new StoreException($"{message.Type} while this life is active");
            }
        }

        return KeeperSignal.None;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _received.ForEach(descriptor => descriptor.Dispose());
        _received.Clear();
        _signals.Dispose();
        _waiter.Dispose();
        _shutdownSeen.Dispose();
        _socket.Dispose();
    }

    // Made once: a heartbeat may be sent while another thread writes a request.
    private static byte[] MakeHeartbeat()
    {
        var message = new byte[StoreCodec.HeaderBytes];
        StoreCodec.Write(message, StoreMessageType.Heartbeat, 0, "", [], 0);
        return message;
    }

    private Activation? ReceiveStore(List<StoreEntry> entries)
    {
        ulong generation = 0;
        while (TryReceive(out StoreMessage message) && message.Type != StoreMessageType.Shutdown)
        {
            switch (message.Type)
            {
                case StoreMessageType.Activate when generation == 0:
                    generation = BinaryPrimitives.ReadUInt64LittleEndian(message.Metadata);
                    break;
                case StoreMessageType.Entry when generation != 0:
                    entries.Add(new StoreEntry(message.Key, message.Metadata.ToArray(), [.. _received]));
                    _received.Clear();
                    break;
                case StoreMessageType.End when generation != 0:
                    uint announced = BinaryPrimitives.ReadUInt32LittleEndian(message.Metadata);
                    return announced == entries.Count
                        ? new Activation(generation, entries)
                        : throw new StoreException($"the keeper announced {announced} entries, sent {entries.Count}");
                default:
                    throw new StoreException($"{message.Type} while waiting for the store");
            }
        }

        return null;
    }

    private void Request(
        StoreMessageType type, string key, ReadOnlySpan<byte> metadata, ReadOnlySpan<FileDescriptor> descriptors)
    {
        // Zero means "no sequence" on the wire.
        _sequence = _sequence == uint.MaxValue ? 1 : _sequence + 1;
        Send(type, _sequence, key, metadata, descriptors);
        long deadlineMs = Environment.TickCount64 + AnswerTimeoutMs;
        while (true)
        {
            int leftMs = (int)Math.Max(0, deadlineMs - Environment.TickCount64);
            if (!_waiter.WaitReadable(leftMs))
            {
                throw new StoreException($"no answer to {type} {key} within {AnswerTimeoutMs} ms");
            }

            if (!TryReceive(out StoreMessage message))
            {
                throw new StoreException($"the keeper is gone, {type} {key} was not answered");
            }

            switch (message.Type)
            {
                case StoreMessageType.Shutdown:
                    // Whoever polls must still be woken for it when the answer has come.
                    _shutdownPending = true;
                    _shutdownSeen.Signal();
                    break;
                case StoreMessageType.Ack when message.Sequence == _sequence:
                    return;
                case StoreMessageType.Nak when message.Sequence == _sequence || message.Sequence == 0:
                    throw new StoreException($"{type} {key} was refused: {StoreCodec.ReadReason(message)}");
                case StoreMessageType.Ack or StoreMessageType.Nak:
                    break; // of a request that has been given up
                default:
                    throw new StoreException($"{message.Type} instead of an answer to {type} {key}");
            }
        }
    }

    private void Send(
        StoreMessageType type,
        uint sequence,
        string key,
        ReadOnlySpan<byte> metadata,
        ReadOnlySpan<FileDescriptor> descriptors)
    {
        int length = StoreCodec.Write(_outgoing, type, sequence, key, metadata, descriptors.Length);
        long deadlineMs = Environment.TickCount64 + AnswerTimeoutMs;
        while (true)
        {
            switch (_socket.TrySend(_outgoing.AsSpan(0, length), descriptors))
            {
                case TransferStatus.Done:
                    return;
                case TransferStatus.Closed:
                    throw new StoreException($"the keeper is gone, {type} {key} was not sent");
                default:
                    if (!_waiter.WaitWritable((int)Math.Max(0, deadlineMs - Environment.TickCount64)))
                    {
                        throw new StoreException($"the keeper does not read, {type} {key} was not sent");
                    }

                    break;
            }
        }
    }

    // False at the end of the connection. Descriptors of the message are in _received until the next one.
    private bool TryReceive(out StoreMessage message)
    {
        _received.ForEach(descriptor => descriptor.Dispose());
        _received.Clear();
        message = default;
        if (_socket.Receive(_incoming, out int length, _received) == TransferStatus.Closed)
        {
            return false;
        }

        message = StoreCodec.Parse(_incoming.AsSpan(0, length), _received.Count);
        return true;
    }

    private static void DisposeAll(List<StoreEntry> entries)
    {
        foreach (FileDescriptor descriptor in entries.SelectMany(entry => entry.Descriptors))
        {
            descriptor.Dispose();
        }
    }
}
