using System.Runtime.CompilerServices;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Nf.Ctl.Client;
using Nf.V1;

namespace Nf.Ctl.Watching;

/// <summary>
/// The counters as they come, over as many streams as it takes. Only the first contact may fail; after it a broken
/// stream is reported and opened again until cancelled.
/// </summary>
internal sealed class StatsSource(Session session, TimeSpan interval)
{
    private static readonly TimeSpan RetryFirst = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RetryLongest = TimeSpan.FromSeconds(2);

    // A stream that is silent for longer than this says so, without being given up.
    private readonly TimeSpan _patience = (interval * 3) + TimeSpan.FromSeconds(1);

    /// <summary>A reading, or what is wrong meanwhile.</summary>
    internal readonly record struct Item(Stats? Stats, string Notice);

    /// <summary>Readings and notices until cancelled; ends quietly then.</summary>
    internal async IAsyncEnumerable<Item> ReadAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        GetStatsResponse first = await session.Node.GetStatsAsync(new GetStatsRequest(), session.Once(cancel));
        yield return new Item(first.Stats, "");

        TimeSpan retry = RetryFirst;
        while (!cancel.IsCancellationRequested)
        {
            using AsyncServerStreamingCall<WatchStatsResponse> call = session.Node.WatchStats(
                new WatchStatsRequest { Interval = interval.ToDuration() }, Session.Endless(cancel));
            await foreach (Item item in ReadStreamAsync(call.ResponseStream, cancel))
            {
                retry = item.Stats is null ? retry : RetryFirst;
                yield return item;
            }

            await Pause.ForAsync(retry, cancel);
            retry = retry * 2 < RetryLongest ? retry * 2 : RetryLongest;
        }
    }

    private async IAsyncEnumerable<Item> ReadStreamAsync(
        IAsyncStreamReader<WatchStatsResponse> stream, [EnumeratorCancellation] CancellationToken cancel)
    {
        while (true)
        {
            Task<string?> next = MoveNextAsync(stream, cancel);
            while (await Task.WhenAny(next, Task.Delay(_patience, cancel)) != next && !cancel.IsCancellationRequested)
            {
                yield return new Item(null, $"no counters from nf-service for {_patience.TotalSeconds:0.#} s");
            }

            string? fault = await next;
            if (cancel.IsCancellationRequested)
            {
                yield break;
            }

            if (fault is not null)
            {
                yield return new Item(null, fault);
                yield break;
            }

            yield return new Item(stream.Current.Stats, "");
        }
    }

    /// <summary>Null when there is a reading; else why the stream broke.</summary>
    private async Task<string?> MoveNextAsync(IAsyncStreamReader<WatchStatsResponse> stream, CancellationToken cancel)
    {
        try
        {
            return await stream.MoveNext(cancel) ? null : "data plane restarting: the stream of counters ended";
        }
        catch (RpcException) when (cancel.IsCancellationRequested)
        {
            return "";
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            return "";
        }
        catch (RpcException e) when (IsPassing(e.StatusCode))
        {
            return DescribeBreak(e);
        }
    }

    private string DescribeBreak(RpcException failure)
    {
        if (session.Channel.ConnectFault is { } fault)
        {
            return $"nf-service is not reachable at {session.Channel.SocketPath}: {fault}; connecting again";
        }

        // A status with an exception behind it was made here: the connection broke, the service said nothing.
        return failure.Status.DebugException is null
            ? $"data plane restarting: {failure.Status.Detail}"
            : "nf-service restarting: its connection broke; connecting again";
    }

    // What a restart of either process can look like from here. Anything else would fail again in the same way.
    private static bool IsPassing(StatusCode status)
    {
        return status is StatusCode.Unavailable or StatusCode.Cancelled or StatusCode.Aborted or StatusCode.Internal
            or StatusCode.Unknown or StatusCode.DeadlineExceeded;
    }
}
