using Google.Protobuf;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Segments;
using Event = Nf.V1.Event;

namespace Nf.Service;

/// <summary>Is told what a session brings, on its reader thread and in the order of arrival. Must not wait.</summary>
internal interface IDataPlaneObserver
{
    /// <summary>A command was carried out, and this is the whole of its reply.</summary>
    void OnDone(Command command, Reply reply);

    /// <summary>A command that nobody waits for any more was carried out, or failed.</summary>
    void OnLate(Command command);

    /// <summary>Something happened.</summary>
    void OnEvent(Event told);
}

/// <summary>One connection to the data plane, from hello to end. A peer that breaks the protocol ends it.</summary>
internal sealed class DataPlaneSession : IDisposable
{
    /// <summary>The version of command.proto.</summary>
    public const uint ProtocolVersion = 1;

    /// <summary>Most commands under way. Arbitrary; the data plane carries out one at a time.</summary>
    public const int PendingMax = 512;

    private readonly IDataPlaneConnection _connection;
    private readonly IDataPlaneObserver _observer;
    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, PendingCommand> _pending = [];
    private readonly TaskCompletionSource<DataPlaneHello> _hello = NewSource<DataPlaneHello>();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _ended = NewSource<string>();
    private SegmentReader? _segment;
    private ulong _lastId;
    private string? _endReason;

    /// <summary>Takes over a connection; the hello is sent and awaited by <see cref="OpenAsync"/>.</summary>
    public DataPlaneSession(IDataPlaneConnection connection, IDataPlaneObserver observer)
    {
        _connection = connection;
        _observer = observer;
    }

    /// <summary>What the data plane said of itself.</summary>
    public DataPlaneHello Hello => _hello.Task.IsCompletedSuccessfully
        ? _hello.Task.Result
        : throw new InvalidOperationException("the session is not open");

    /// <summary>Ends, with the reason, when the connection does.</summary>
    public Task<string> Ended => _ended.Task;

    /// <summary>Ends when what runs and what is desired were compared for the first time.</summary>
    public Task Ready => _ready.Task;

    /// <summary>Exchanges hellos.</summary>
    /// <exception cref="IOException">The connection is gone.</exception>
    /// <exception cref="InvalidDataException">The other end is no data plane we can talk to.</exception>
    public async Task OpenAsync(ulong lastEventGeneration, ulong lastEventSequence, CancellationToken cancel)
    {
        Send(new ServicePacket
        {
            Hello = new ServiceHello
            {
                ProtocolVersion = ProtocolVersion,
                LastEventGeneration = lastEventGeneration,
                LastEventSequence = lastEventSequence,
            },
        });
        new Thread(ReadLoop) { IsBackground = true, Name = "data-plane" }.Start();
        await _hello.Task.WaitAsync(cancel);
    }

    /// <summary>Hands the segment to its keeper; may be called once.</summary>
    public SegmentReader TakeSegment() => Interlocked.Exchange(ref _segment, null)
        ?? throw new InvalidOperationException("the session has no segment, or it was taken");

    /// <summary>Says that what runs and what is desired were compared.</summary>
    public void MarkReady() => _ready.TrySetResult();

    /// <summary>Carries out a command.</summary>
    /// <exception cref="DataPlaneFaultException">It failed.</exception>
    /// <exception cref="DataPlaneUnavailableException">The connection ended first, or has no room.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up; it may still be carried out.</exception>
    public async Task<Reply> CallAsync(Command command, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        PendingCommand pending = Start(command);
        try
        {
            return await pending.Reply.Task.WaitAsync(cancel);
        }
        catch (OperationCanceledException)
        {
            pending.Abandoned = true;

            // The reply may have come between giving up and saying so.
            if (pending.Reply.Task.IsCompleted)
            {
                _observer.OnLate(command);
            }

            throw;
        }
    }

    /// <summary>Ends the connection for a reason of ours.</summary>
    public void Close(string reason)
    {
        lock (_lock)
        {
            if (!_ended.Task.IsCompleted)
            {
                _endReason ??= reason;
                _connection.Close();
            }
        }
    }

    public void Dispose()
    {
        Close("nf-service ends");
        _segment?.Dispose();
    }

    private static TaskCompletionSource<T> NewSource<T>() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private PendingCommand Start(Command command)
    {
        var pending = new PendingCommand(command);

        // Ids go out in the order they are given.
        lock (_lock)
        {
            if (_ended.Task.IsCompleted)
            {
                throw new DataPlaneUnavailableException($"the data plane is gone: {_ended.Task.Result}");
            }

            if (_pending.Count >= PendingMax)
            {
                throw new DataPlaneUnavailableException($"{PendingMax} commands wait for the data plane already");
            }

            command.Id = ++_lastId;
            _pending[command.Id] = pending;
            try
            {
                Send(new ServicePacket { Command = command });
            }
            catch (InvalidOperationException)
            {
                _pending.Remove(command.Id);
                throw;
            }
            catch (Exception e) when (e is IOException or DataPlaneUnavailableException)
            {
                _pending.Remove(command.Id);
                throw new DataPlaneUnavailableException($"the command could not be sent: {e.Message}");
            }
        }

        return pending;
    }

    private void Send(ServicePacket packet)
    {
        if (!PacketCodec.TrySend(_connection, packet))
        {
            throw new DataPlaneUnavailableException("the data plane takes no more commands");
        }
    }

    private void ReadLoop()
    {
        string reason = "the data plane closed the connection";
        try
        {
            while (_connection.Receive() is { } packet)
            {
                using (packet)
                {
                    Handle(packet);
                }
            }
        }
        catch (Exception e) when (e is IOException or InvalidDataException or InvalidProtocolBufferException)
        {
            reason = $"the data plane broke the protocol: {e.Message}";
        }

        End(_endReason ?? reason);
    }

    private void End(string reason)
    {
        PendingCommand[] pending;
        lock (_lock)
        {
            _ended.TrySetResult(reason);
            pending = [.. _pending.Values];
            _pending.Clear();
        }

        _connection.Dispose();
        _hello.TrySetException(new IOException(reason));
        _ready.TrySetException(new DataPlaneUnavailableException(reason));
        _ = _ready.Task.Exception; // observed: often nobody waits
        foreach (PendingCommand command in pending)
        {
            command.Reply.TrySetException(new DataPlaneUnavailableException($"the connection ended first: {reason}"));
            _ = command.Reply.Task.Exception;
        }
    }

    private void Handle(ReceivedPacket received)
    {
        DataPlanePacket packet = PacketCodec.Parse(received, out int bytes);
        bool isHello = packet.PacketCase == DataPlanePacket.PacketOneofCase.Hello;
        if (isHello == _hello.Task.IsCompleted)
        {
            throw new InvalidDataException(isHello ? "a second hello" : "the first packet is no hello");
        }

        switch (packet.PacketCase)
        {
            case DataPlanePacket.PacketOneofCase.Hello:
                Greet(packet.Hello, received.Descriptors[0]);
                break;
            case DataPlanePacket.PacketOneofCase.Reply:
                Finish(packet.Reply, bytes);
                break;
            case DataPlanePacket.PacketOneofCase.Event:
                _observer.OnEvent(packet.Event);
                break;
            default:
                throw new InvalidDataException("a packet of no known kind");
        }
    }

    private void Greet(DataPlaneHello hello, FileDescriptor segmentFile)
    {
        if (hello.ProtocolVersion != ProtocolVersion)
        {
            throw new InvalidDataException(
                $"it speaks version {hello.ProtocolVersion} of the command protocol, this service {ProtocolVersion}");
        }

        if (hello.SegmentLayoutHash != SegmentLayout.Hash)
        {
            throw new InvalidDataException(
                $"its segment has layout {hello.SegmentLayoutHash:x16}, this service has {SegmentLayout.Hash:x16}");
        }

        SegmentReader segment = SegmentReader.Open(segmentFile);
        if (segment.Header.Generation != hello.Generation)
        {
            segment.Dispose();
            throw new InvalidDataException("its segment is of another generation");
        }

        _segment = segment;
        _hello.TrySetResult(hello);
    }

    private void Finish(Reply piece, int bytes)
    {
        PendingCommand? pending;
        lock (_lock)
        {
            pending = _pending.GetValueOrDefault(piece.Id)
                ?? throw new InvalidDataException($"a reply to no command (id {piece.Id})");
            pending.Bytes += bytes;
            if (pending.Bytes > CommandTable.ReplyBytesMax)
            {
                throw new InvalidDataException(
                    $"more than {CommandTable.ReplyBytesMax} bytes of replies to one command");
            }

            pending.Whole = CommandTable.Join(pending.Command, pending.Whole, piece);
            if (piece.More)
            {
                pending.Pieces++;
                _ = pending.Pieces < CommandTable.PieceCountMax
                    ? 0
                    : throw new InvalidDataException($"more than {CommandTable.PieceCountMax} replies to one command");
                return;
            }

            _pending.Remove(piece.Id);
        }

        Complete(pending, pending.Whole);
    }

    private void Complete(PendingCommand pending, Reply reply)
    {
        if (reply.ResultCase == Reply.ResultOneofCase.Fault)
        {
            Fault fault = reply.Fault;
            pending.Reply.TrySetException(
                new DataPlaneFaultException(
                    fault.Message, fault.Call, (Errno)fault.Errno, fault.Reason,
                    [.. fault.Fields.Select(field => new SpecFault(field.Field, field.Description))]));
            _ = pending.Reply.Task.Exception;
        }
        else
        {
            _observer.OnDone(pending.Command, reply);
            pending.Reply.TrySetResult(reply);
        }

        if (pending.Abandoned)
        {
            _observer.OnLate(pending.Command);
        }
    }

    private sealed class PendingCommand(Command command)
    {
        private volatile bool _abandoned;

        public Command Command { get; } = command;

        public TaskCompletionSource<Reply> Reply { get; } = NewSource<Reply>();

        public Reply? Whole { get; set; }

        public int Pieces { get; set; }

        public long Bytes { get; set; }

        public bool Abandoned
        {
            get => _abandoned;
            set => _abandoned = value;
        }
    }
}
