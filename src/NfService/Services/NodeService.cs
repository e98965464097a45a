using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Nf.V1;

namespace Nf.Service;

/// <summary>nf.v1.NodeService. Translates between the wire and the model; decides nothing.</summary>
internal sealed class NodeService(
    NodeDescription node, StatsReader stats, EventLog events, IHostApplicationLifetime lifetime)
    : V1.NodeService.NodeServiceBase
{
    private static readonly Duration WatchIntervalDefault = new() { Seconds = 1 };

    public override async Task<GetNodeResponse> GetNode(GetNodeRequest request, ServerCallContext context)
    {
        var faults = new SpecFaults();
        XskSocketRules.CheckNamespace(faults, "network_namespace", request.NetworkNamespace);
        faults.ThrowIfAny();
        Node found = await context.WithinLimit(cancel => node.GetAsync(request.NetworkNamespace, cancel));
        return new GetNodeResponse { Node = found };
    }

    public override Task<GetStatsResponse> GetStats(GetStatsRequest request, ServerCallContext context)
    {
        Stats now = stats.TryRead()
            ?? throw new DataPlaneUnavailableException("there are no counters: no data plane is connected");
        return Task.FromResult(new GetStatsResponse { Stats = now });
    }

    public override async Task WatchStats(
        WatchStatsRequest request, IServerStreamWriter<WatchStatsResponse> responseStream, ServerCallContext context)
    {
        TimeSpan interval = WatchInterval.Parse(request.Interval ?? WatchIntervalDefault);
        using CancellationTokenSource ending = EndingOf(context);
        using var timer = new PeriodicTimer(interval);
        try
        {
            do
            {
                // Without a data plane a beat is left out; the watcher sees the next life go on.
                if (stats.TryRead() is { } now)
                {
                    await responseStream.WriteAsync(new WatchStatsResponse { Stats = now }, ending.Token);
                }
            }
            while (await timer.WaitForNextTickAsync(ending.Token));
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // The stream ends in good order; the watcher comes back to the next life of the service.
        }
    }

    public override async Task WatchEvents(
        WatchEventsRequest request, IServerStreamWriter<WatchEventsResponse> responseStream, ServerCallContext context)
    {
        var watch = EventWatch.From(request);
        using CancellationTokenSource ending = EndingOf(context);
        try
        {
            IAsyncEnumerable<Event> told = watch.ReadAsync(events, ending.Token);

            // The caller learns at once that it is watching, not with the first event.
            await context.WriteResponseHeadersAsync([]);
            await foreach (Event one in told)
            {
                await responseStream.WriteAsync(new WatchEventsResponse { Event = one }, ending.Token);
            }
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // As above.
        }
    }

    private CancellationTokenSource EndingOf(ServerCallContext context) =>
        CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
}
