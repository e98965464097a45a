using System.Buffers.Binary;
using Nf.Linux;
using Nf.SharedMemory.Store;

namespace Nf.Keeper;

// What lives say, and what they are told.
internal sealed partial class Supervisor
{
    // So that one life cannot keep the loop from the others; more is read in the next round.
    private const int MessagesPerRound = 64;

    private void ReadMessages(Life life, int limit = MessagesPerRound) => Guard(life, () =>
    {
        for (int i = 0; i < limit && life.Connection is { } connection; i++)
        {
            switch (TryReceive(connection, out int length))
            {
                case TransferStatus.WouldBlock:
                    return;
                case TransferStatus.Closed:
                    OnConnectionEnded(life);
                    return;
                default:
                    Handle(life, connection, StoreCodec.Parse(_buffer.AsSpan(0, length), _received.Count));
                    break;
            }
        }
    });

    // Whatever breaks the rules may be anything: that life is over, the store is not.
    private void Guard(Life life, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is StoreException or LinuxException)
        {
            _received.ForEach(descriptor => descriptor.Dispose());
            _received.Clear();
            Log.Write($"{life.Name} is killed: {e.Message}");
            EndConnection(life);
            life.Kill();
        }
    }

    private TransferStatus TryReceive(LifeConnection connection, out int length)
    {
        try
        {
            _received.Clear();
            return connection.TryReceive(_buffer, out length, _received);
        }
        catch (LinuxException e) when (e.Errno == Errno.EMFILE)
        {
            // The descriptors did not fit into this process. The request is lost and its number with it.
            connection.Send(StoreMessageType.Nak, 0, StoreCodec.WriteReason("the keeper may open no more files"));
            length = 0;
            return TransferStatus.WouldBlock;
        }
    }

    private void Handle(Life life, LifeConnection connection, StoreMessage message)
    {
        life.LastHeardNs = Clock.MonotonicNs();
        if (life.State == LifeState.Active && connection.IsFlushed && !life.HasSpoken)
        {
            life.HasSpoken = true;
            _backoff.Succeeded();
        }

        switch (message.Type)
        {
            case StoreMessageType.Ready when life.State == LifeState.Starting:
                OnReady(life, BinaryPrimitives.ReadUInt32LittleEndian(message.Metadata));
                break;
            case StoreMessageType.Put when life == _active:
                Answer(connection, message.Sequence, Put(connection, message));
                break;
            case StoreMessageType.Drop when life == _active:
                _store.Drop(message.Key);
                Answer(connection, message.Sequence, refusal: null);
                break;
            case StoreMessageType.Heartbeat:
                break;
            default:
                throw new StoreException($"{message.Type} from a life that is {life.State}");
        }

        WatchForRoom(life);
    }

    private string? Put(LifeConnection connection, StoreMessage message)
    {
        // An entry that waits to be sent must not lose its descriptors to one that replaces it.
        var entry = new StoreEntry(message.Key, message.Metadata.ToArray(), [.. _received]);
        string? refusal = connection.IsFlushed ? _store.Put(entry) : "the store has not been handed over completely";
        if (refusal is not null)
        {
            _received.ForEach(descriptor => descriptor.Dispose());
        }

        _received.Clear();
        return refusal;
    }

    private static void Answer(LifeConnection connection, uint sequence, string? refusal)
    {
        if (refusal is null)
        {
            connection.Send(StoreMessageType.Ack, sequence);
        }
        else
        {
            connection.Send(StoreMessageType.Nak, sequence, StoreCodec.WriteReason(refusal));
        }
    }

    private void OnReady(Life life, uint pid)
    {
        if (pid != (uint)life.Pid)
        {
            throw new StoreException($"READY with pid {pid}, the process is {life.Pid}");
        }

        life.State = LifeState.Ready;
        if (_active is null && !_isStopping)
        {
            Activate(life);
            Log.Write($"{life.Name} takes over with {_store.Count} entries");
        }
    }

    private void Activate(Life life)
    {
        LifeConnection connection = life.Connection!;
        life.Generation = ++_generation;
        life.State = LifeState.Active;
        life.ActivatedNs = life.LastHeardNs = Clock.MonotonicNs();
        _active = life;

        byte[] generation = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(generation, life.Generation);
        connection.Send(StoreMessageType.Activate, 0, generation);
        foreach (StoreEntry entry in _store.Entries)
        {
            connection.Queue(entry);
        }

        byte[] count = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(count, (uint)_store.Count);
        connection.Send(StoreMessageType.End, 0, count);
        WatchForRoom(life);
    }

    private void Flush(Life life) => Guard(life, () =>
    {
        life.Connection?.Flush();
        WatchForRoom(life);
    });

    private void WatchForRoom(Life life)
    {
        if (life.Connection is { } connection)
        {
            EpollEvents events = connection.IsFlushed ? EpollEvents.In : EpollEvents.In | EpollEvents.Out;
            _epoll.Modify(connection.Descriptor, events, SocketKind | life.Id);
        }
    }
}
