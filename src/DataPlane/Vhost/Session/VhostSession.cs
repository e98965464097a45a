using Nf.DataPlane.Vhost.Memory;
using Nf.DataPlane.Vhost.Protocol;
using Nf.Linux;

namespace Nf.DataPlane.Vhost.Session;

/// <summary>
/// One connection of a front-end: reads its messages, keeps what they say, and starts and stops the rings of the
/// device. Control thread only.
/// </summary>
/// <remarks>
/// Messages are carried out strictly in order, each with all its effects on the workers before the next is read: a
/// front-end without REPLY_ACK uses any request with an answer as a barrier.
/// </remarks>
internal sealed partial class VhostSession : IDisposable
{
    /// <summary>How long the rest of a message may take; a front-end sends a message with one call.</summary>
    internal const long MessageTimeoutNs = 5_000_000_000;

    /// <summary>Messages handled in one turn, so that other connections get theirs; an arbitrary limit.</summary>
    internal const int MessagesPerTurnMax = 64;

    private readonly IMessageStream _stream;
    private readonly IVhostHost _host;
    private readonly VhostFaults _faults;
    private readonly MessageReader _reader;
    private readonly MessageWriter _writer;
    private readonly Vring[] _rings;

    private GuestMemory _memory = GuestMemory.Empty;
    private DirtyLog? _log;
    private EventFd? _logCall;
    private InflightRegion? _inflight;
    private BackendChannel? _channel;

    // When the message that is half read began to be so; 0 while there is none, or nobody has looked yet.
    private long _partialSinceNs;
    private bool _changed;
    private bool _memoryLossNoticed;
    private bool _disposed;

    /// <param name="connection">Connected; the session owns it.</param>
    /// <param name="host">The device.</param>
    /// <param name="faults">Where to note what the front-end does wrong.</param>
    internal VhostSession(UnixStreamSocket connection, IVhostHost host, VhostFaults faults)
        : this(new SocketStream(connection), host, faults)
    {
    }

    /// <param name="stream">Connected; the session owns it.</param>
    /// <param name="host">The device.</param>
    /// <param name="faults">Where to note what the front-end does wrong.</param>
    internal VhostSession(IMessageStream stream, IVhostHost host, VhostFaults faults)
    {
        _stream = stream;
        _host = host;
        _faults = faults;
        _reader = new MessageReader(stream, CheckHeader);
        _writer = new MessageWriter(stream);
        _rings = [.. Enumerable.Range(0, host.RingCount).Select(index => new Vring(index))];
        _config = new ConfigSpace(host);
    }

    /// <summary>The connection: to be read when it can be, and written when <see cref="WantsWrite"/> asks.</summary>
    internal FileDescriptor Descriptor => _stream.Descriptor;

    /// <summary>Whether replies wait for room in the connection.</summary>
    internal bool WantsWrite => _writer.HasPending;

    /// <summary>Why the connection is over; null while it is not.</summary>
    internal string? EndReason { get; private set; }

    /// <summary>Handles what was received; a bounded number of messages, so call again while readable.</summary>
    /// <returns>False when the connection is over: dispose of the session.</returns>
    internal bool OnReadable() => Run(() =>
    {
        for (int i = 0; i < MessagesPerTurnMax && EndReason is null; i++)
        {
            switch (_reader.TryRead())
            {
                case ReadStatus.Message:
                    _partialSinceNs = 0;
                    Dispatch(new Request(_reader.Header, _reader.Payload, _reader.Descriptors));
                    break;
                case ReadStatus.Closed:
                    EndReason = "the front-end has left";
                    break;
                default:
                    return;
            }
        }
    });

    /// <summary>Sends replies that waited.</summary>
    /// <returns>False when the connection is over: dispose of the session.</returns>
    internal bool OnWritable() => Run(Flush);

    /// <summary>To be called every second or more often: ends a connection whose peer stalls.</summary>
    /// <param name="nowNs">Monotonic clock.</param>
    /// <returns>False when the connection is over: dispose of the session.</returns>
    internal bool OnTick(long nowNs) => Run(() =>
    {
        if (_reader.IsPartial && _partialSinceNs == 0)
        {
            _partialSinceNs = nowNs;
        }
        else if (_reader.IsPartial && nowNs - _partialSinceNs > MessageTimeoutNs)
        {
            throw new VhostFatalException(
                VhostFaultKind.Stalled,
                $"message: the rest of it did not come within {MessageTimeoutNs / 1_000_000_000} s");
        }

        _stateLoad?.Read();
        EndIfLost();
        TellConfigChange();
        NoticeMemoryLoss();
    });

    /// <summary>Stops every ring and releases everything the front-end gave.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        foreach (Vring ring in _rings)
        {
            StopRing(ring);
            EnableRing(ring, false);
            ring.Dispose();
        }

        _stateLoad?.Dispose();
        _channel?.Dispose();
        _inflight?.Dispose();
        _log?.Dispose();
        _logCall?.Dispose();
        _memory.Dispose();
        _reader.Dispose();
        _writer.Dispose();
        _stream.Dispose();
    }

    // One turn: from the first byte read until what it changed is stored, a death of the process cannot be gone on
    // from.
    // SAFETY: the device keeps the record mapped as long as it exists.
    private unsafe bool Run(Action turn)
    {
        if (EndReason is not null)
        {
            return false;
        }

        // Busy is in place before the first byte is taken from the socket: the system call in between orders the two.
        Volatile.Write(ref _host.SessionRecord->Busy, 1);
        try
        {
            turn();
        }
        catch (VhostFatalException e)
        {
            _faults.Add(e.Kind, e.Message);
            EndReason = e.Message;
        }
        catch (LinuxException e)
        {
            EndReason = e.Message;
        }

        if (EndReason is not null)
        {
            _reader.Dispose();
            return false;
        }

        if (_changed)
        {
            _changed = false;
            _host.Changed();
        }

        bool busy = _reader.IsPartial || _writer.HasPending || _stateLoad is not null;
        Volatile.Write(ref _host.SessionRecord->Busy, busy ? 1u : 0u);
        return true;
    }

    private void Flush()
    {
        if (!_writer.Flush())
        {
            EndReason = "the front-end has left";
        }
    }

    // What was written there is gone: a migration would copy too few pages, a next back-end would do too much again.
    private void EndIfLost()
    {
        if (_log is { IsLost: true })
        {
            throw new VhostFatalException(
                VhostFaultKind.MemoryLost,
                "the dirty log's file became shorter than the log: which pages were written is not known any more");
        }

        if (_inflight is { IsLost: true })
        {
            throw new VhostFatalException(
                VhostFaultKind.MemoryLost,
                "the inflight region's file became shorter than the region: what is in hand is not known any more");
        }
    }

    private void NoticeMemoryLoss()
    {
        if (_memory.IsLost && !_memoryLossNoticed)
        {
            _memoryLossNoticed = true;
            _faults.Add(VhostFaultKind.MemoryLost, "a memory region's file became shorter than the region");
        }
    }

}
