using System.Diagnostics;
using System.Threading.Channels;
using Google.Protobuf.WellKnownTypes;
using Nf.Internal.V1;
using Nf.SharedMemory.Segments;
using Nf.V1;
using Polly;
using Polly.Retry;

namespace Nf.Service;

/// <summary>Keeps a session with the data plane: connects, connects again when it ends, and carries commands.</summary>
internal sealed class DataPlaneClient : BackgroundService, IDataPlane, IDataPlaneObserver
{
    private static readonly TimeSpan ReconnectDelayMin = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan ReconnectDelayMax = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan HelloTimeout = TimeSpan.FromSeconds(5);

    private readonly IDataPlaneConnector _connector;
    private readonly SegmentView _segment;
    private readonly ObservedState _observed;
    private readonly EventLog _events;
    private readonly DataPlaneMeter _meter;
    private readonly ILogger<DataPlaneClient> _logger;
    private readonly ResiliencePipeline<DataPlaneSession> _reconnect;
    private readonly Channel<DataPlaneSession> _toSynchronise = Channel.CreateBounded<DataPlaneSession>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest });

    private volatile DataPlaneSession? _session;
    private string _whyNot = "it has not been reached yet";
    private ulong _lastEventGeneration;
    private ulong _lastEventSequence;

    public DataPlaneClient(
        IDataPlaneConnector connector,
        SegmentView segment,
        ObservedState observed,
        EventLog events,
        DataPlaneMeter meter,
        ILogger<DataPlaneClient> logger)
    {
        _connector = connector;
        _segment = segment;
        _observed = observed;
        _events = events;
        _meter = meter;
        _logger = logger;
        _reconnect = new ResiliencePipelineBuilder<DataPlaneSession>()
            .AddRetry(new RetryStrategyOptions<DataPlaneSession>
            {
                ShouldHandle = new PredicateBuilder<DataPlaneSession>()
                    .Handle<IOException>().Handle<InvalidDataException>().Handle<TimeoutException>()
                    .Handle<DataPlaneUnavailableException>(),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                MaxRetryAttempts = int.MaxValue,
                Delay = ReconnectDelayMin,
                MaxDelay = ReconnectDelayMax,
                OnRetry = attempt =>
                {
                    NoteFailure(attempt.Outcome.Exception!);
                    return ValueTask.CompletedTask;
                },
            })
            .Build();
    }

    public DataPlaneHello? Hello => _session?.Hello;

    public bool IsReady => _session is { Ready.IsCompletedSuccessfully: true };

    /// <summary>Sessions whose running resources are to be compared with the desired ones.</summary>
    public ChannelReader<DataPlaneSession> ToSynchronise => _toSynchronise.Reader;

    public Task WaitReadyAsync(CancellationToken cancel) => Session().Ready.WaitAsync(cancel);

    public async Task<Reply> CallAsync(Command command, CancellationToken cancel)
    {
        long start = Stopwatch.GetTimestamp();
        string result = "ok";
        try
        {
            return await Session().CallAsync(command, cancel);
        }
        catch (Exception e)
        {
            result = e is DataPlaneFaultException fault ? fault.Reason : e.GetType().Name;
            throw;
        }
        finally
        {
            _meter.CommandDone(command.CommandCase, result == "ok", Stopwatch.GetElapsedTime(start));
        }
    }

    /// <summary>Asks for the running resources to be compared with the desired ones soon.</summary>
    public void RequestSynchronisation()
    {
        if (_session is { } session)
        {
            _toSynchronise.Writer.TryWrite(session);
        }
    }

    /// <summary>Asks again for the statuses that scrapes and watchers join to counters.</summary>
    public Task RefreshAsync(CancellationToken cancel) =>
        _session is { } session ? AskInventoryAsync(session, cancel) : Task.CompletedTask;

    void IDataPlaneObserver.OnDone(Command command, Reply reply) => _observed.Apply(command, reply);

    void IDataPlaneObserver.OnLate(Command command)
    {
        if (CommandTable.Changes(command))
        {
            RequestSynchronisation();
        }
    }

    void IDataPlaneObserver.OnEvent(Event told)
    {
        _lastEventGeneration = told.Generation;
        _lastEventSequence = told.Sequence;

        // This service tells itself of what it created and deleted, and of data planes that come and go.
        if (told.Kind is EventKind.Created or EventKind.Deleted or EventKind.DataPlaneUp or EventKind.DataPlaneDown)
        {
            return;
        }

        told.Time ??= Timestamp.FromDateTimeOffset(TimeProvider.System.GetUtcNow());
        _events.Publish(told);
        if (told.Kind is EventKind.StateChanged or EventKind.InterfaceChanged or EventKind.EventsLost)
        {
            // Nobody waits for the answer.
            _ = RefreshAsync(CancellationToken.None);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            using DataPlaneSession session = await _reconnect.ExecuteAsync(ConnectAsync, stoppingToken);
            Begin(session);
            string reason = await session.Ended.WaitAsync(stoppingToken);
            Finish(session, reason);

            // A peer that greets and leaves again and again must not keep a CPU busy.
            await Task.Delay(ReconnectDelayMin, stoppingToken);
        }
    }

    private async ValueTask<DataPlaneSession> ConnectAsync(CancellationToken cancel)
    {
        var session = new DataPlaneSession(_connector.Connect(), this);
        try
        {
            await session.OpenAsync(_lastEventGeneration, _lastEventSequence, cancel).WaitAsync(HelloTimeout, cancel);
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private void Begin(DataPlaneSession session)
    {
        SegmentReader segment = session.TakeSegment();
        _segment.Attach(segment);
        _session = session;
        DataPlaneHello hello = session.Hello;
        Log.DataPlaneConnected(_logger, hello.Generation, hello.Pid, hello.Version, hello.Adopted);
        _events.Publish(
            EventKind.DataPlaneUp, EventLog.DataPlaneType, "", hello.Adopted
                ? "the data plane is there and adopted what an earlier life left"
                : "the data plane is there and began with nothing",
            hello.Generation,
            ("pid", hello.Pid.ToString()), ("version", hello.Version), ("adopted", hello.Adopted ? "true" : "false"));
        foreach (string fault in hello.AdoptionFaults)
        {
            // The data plane tells of each as an event, too, which watchers get.
            Log.NotAdopted(_logger, hello.Generation, fault);
        }

        _toSynchronise.Writer.TryWrite(session);
    }

    private void Finish(DataPlaneSession session, string reason)
    {
        ulong generation = session.Hello.Generation;
        _whyNot = reason;
        _session = null;
        _segment.MarkLost();
        Log.DataPlaneLost(_logger, generation, reason);
        _events.Publish(EventKind.DataPlaneDown, EventLog.DataPlaneType, "", reason, generation);
    }

    private void NoteFailure(Exception failure)
    {
        // Once per reason: a data plane that is away for a day is one line in the log.
        string reason = failure is TimeoutException ? "it does not answer the hello" : failure.Message;
        if (_whyNot != reason)
        {
            _whyNot = reason;
            Log.DataPlaneUnreachable(_logger, _connector.Address, reason);
        }
    }

    private DataPlaneSession Session() => _session ?? throw new DataPlaneUnavailableException(
        $"no data plane is connected at {_connector.Address}: {_whyNot}");

    private async Task AskInventoryAsync(DataPlaneSession session, CancellationToken cancel)
    {
        try
        {
            await session.CallAsync(Commands.Observe(), cancel);
        }
        catch (Exception e) when (e is DataPlaneUnavailableException or DataPlaneFaultException)
        {
            Log.RefreshFailed(_logger, e.Message);
        }
    }
}
