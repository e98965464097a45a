using System.ComponentModel;
using Nf.Linux;
using Nf.SharedMemory.Store;

namespace Nf.Keeper;

/// <summary>
/// The keeper's one thread: starts lives, hears them, hands the store from each to the next, ends them.
/// </summary>
/// <remarks>
/// A life's turn begins when the process before it has ended with all its threads, so no two lives ever work on the
/// same rings. What the dead one still had in its socket is read first.
/// </remarks>
internal sealed partial class Supervisor : IDisposable
{
    private const long NanosecondsPerMs = 1_000_000;
    private const int LookMsMax = 1000;

    // Ready may take long where two CPUs start everything at once; a life that needs more than this hangs. Arbitrary.
    private const long ReadyTimeoutNs = 60_000 * NanosecondsPerMs;

    // How long a new active life has the machine to itself before a spare is started. Arbitrary.
    private const long SpareDelayNs = 1_000 * NanosecondsPerMs;

    private const ulong ListenerToken = 0;
    private const ulong SignalToken = 1;
    private const ulong SocketKind = 1ul << 62;
    private const ulong ProcessKind = 1ul << 63;

    private readonly KeeperOptions _options;
    private readonly long _heartbeatTimeoutNs;
    private readonly SeqPacketSocket _listener;
    private readonly Epoll _epoll = new();
    private readonly EventFd _signal = EventFd.Create();
    private StopSignals? _signals;
    private readonly DescriptorStore _store = new(DescriptorStore.ReadOpenFilesMax());
    private readonly RestartBackoff _backoff = new();
    private readonly Dictionary<ulong, Life> _lives = [];
    private readonly byte[] _buffer = new byte[StoreCodec.MessageBytesMax];
    private readonly List<FileDescriptor> _received = [];
    private Life? _active;
    private ulong _lastId;
    private ulong _generation;
    private bool _isListenerPaused;

    /// <exception cref="LinuxException">EADDRINUSE when another keeper serves the run directory.</exception>
    internal Supervisor(KeeperOptions options)
    {
        _options = options;
        _heartbeatTimeoutNs = (long)(options.HeartbeatTimeout.TotalMilliseconds * NanosecondsPerMs);
        _listener = SeqPacketSocket.Listen(options.SocketPath);
        _epoll.Add(_listener.Descriptor, EpollEvents.In, ListenerToken);
        _epoll.Add(_signal.Descriptor, EpollEvents.In, SignalToken);
    }

    /// <summary>Works until it is told to stop; returns the exit code.</summary>
    internal int Run()
    {
        using StopSignals signals = StopSignals.Register(_signal);
        _signals = signals;
        Span<EpollEvent> events = stackalloc EpollEvent[Epoll.EventCountMax];
        while (!IsOver)
        {
            StartMissingLives();
            int timeoutMs = NextLookMs();
            long beforeNs = Clock.MonotonicNs();
            int count = _epoll.Wait(events, timeoutMs);
            ForgiveOwnDelay(Clock.MonotonicNs() - beforeNs - (timeoutMs * NanosecondsPerMs));
            foreach (EpollEvent happened in events[..count])
            {
                Handle(happened);
            }

            CheckDeadlines();
            ResumeListener();
        }

        return 0;
    }

    public void Dispose()
    {
        foreach (Life life in _lives.Values)
        {
            life.Kill();
            life.Dispose();
        }

        _lives.Clear();
        File.Delete(_options.SocketPath);
        _listener.Dispose();
        _store.Dispose();
        _signal.Dispose();
        _epoll.Dispose();
    }

    private void Handle(EpollEvent happened)
    {
        switch (happened.Token)
        {
            case ListenerToken:
                AcceptLife();
                break;
            case SignalToken:
                _signal.TryDrain();
                Stop(_signals!.Count);
                break;
            default:
                // An earlier event of the same look may have ended the life.
                if (_lives.TryGetValue(happened.Token & ~(SocketKind | ProcessKind), out Life? life))
                {
                    HandleLife(life, happened);
                }

                break;
        }
    }

    private void HandleLife(Life life, EpollEvent happened)
    {
        if ((happened.Token & ProcessKind) != 0)
        {
            OnProcessEnded(life);
            return;
        }

        if ((happened.Events & ~EpollEvents.Out) != 0)
        {
            ReadMessages(life);
        }

        if ((happened.Events & EpollEvents.Out) != 0)
        {
            Flush(life);
        }
    }

    private void StartMissingLives()
    {
        long nowNs = Clock.MonotonicNs();
        if (_isStopping || nowNs < _backoff.NotBeforeNs)
        {
            return;
        }

        bool isSpareDue = _options.KeepSpare && _active is { State: LifeState.Active } active
            && (active.HasSpoken || nowNs - active.ActivatedNs >= SpareDelayNs);
        bool isWaiting = _lives.Values.Any(life => life.State is LifeState.Starting or LifeState.Ready);
        if (!isWaiting && (_active is null || isSpareDue))
        {
            StartLife();
        }
    }

    private void StartLife()
    {
        try
        {
            var life = Life.Start(++_lastId, _options);
            _lives.Add(life.Id, life);
            if (life.PidFd is { } pidFd)
            {
                _epoll.Add(pidFd.Descriptor, EpollEvents.In, ProcessKind | life.Id);
            }
            else
            {
                OnProcessEnded(life);
            }
        }
        catch (Win32Exception e)
        {
            NoteFailure($"{_options.DataPlane} does not start: {e.Message}");
        }
    }

    private void AcceptLife()
    {
        try
        {
            if (_listener.TryAccept() is { } socket)
            {
                Accept(socket);
            }
        }
        catch (LinuxException e)
        {
            // Out of files or memory, most likely; looked at again with the deadlines, not at once.
            Log.Write(e.Message);
            _epoll.Modify(_listener.Descriptor, EpollEvents.None, ListenerToken);
            _isListenerPaused = true;
        }
    }

    private void Accept(SeqPacketSocket socket)
    {
        int pid = socket.PeerCredentials.Pid;
        Life? life = _lives.Values.FirstOrDefault(
            l => l.Pid == pid && l.State == LifeState.Starting && l.Connection is null);
        if (life is null)
        {
            Log.Write($"connection of pid {pid} is refused: it is no life that was started here and has none yet");
            socket.Dispose();
            return;
        }

        life.Connection = new LifeConnection(socket);
        _epoll.Add(life.Connection.Descriptor, EpollEvents.In, SocketKind | life.Id);
    }

    private void ResumeListener()
    {
        if (_isListenerPaused)
        {
            _epoll.Modify(_listener.Descriptor, EpollEvents.In, ListenerToken);
            _isListenerPaused = false;
        }
    }
}
