using System.Runtime.CompilerServices;
using Grpc.Core;
using Nf.Ctl.Client;
using Nf.Ctl.Errors;
using Nf.V1;

namespace Nf.Ctl.Watching;

/// <summary>Events as the service tells them.</summary>
internal sealed class EventSource(Session session, WatchEventsRequest request)
{
    // The stream of events has no end and no mark between past and present. The service sends what it kept at once, so
    // that silence for so long means that was all.
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(500);

    /// <summary>The kept past events.</summary>
    internal async IAsyncEnumerable<Event> ReadPastAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        // Asked first because a silent stream and a hung or absent service would look the same.
        await session.Node.GetNodeAsync(new GetNodeRequest(), session.Once(cancel));
        DateTimeOffset began = DateTimeOffset.UtcNow;
        using AsyncServerStreamingCall<WatchEventsResponse> call =
            session.Node.WatchEvents(request, session.Once(cancel));
        while (true)
        {
            Task<bool> next = call.ResponseStream.MoveNext(cancel);
            if (await Task.WhenAny(next, Task.Delay(Silence, cancel)) != next && !cancel.IsCancellationRequested)
            {
                Forget(next);
                yield break;
            }

            if (!await next || call.ResponseStream.Current.Event.Time?.ToDateTimeOffset() > began)
            {
                yield break;
            }

            yield return call.ResponseStream.Current.Event;
        }
    }

    /// <summary>New events until cancelled, over as many streams as it takes; only the first may fail.</summary>
    internal async IAsyncEnumerable<Event> FollowAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        DateTimeOffset told = DateTimeOffset.UtcNow;
        for (bool isFirst = true; !cancel.IsCancellationRequested; isFirst = false)
        {
            WatchEventsRequest current = request.Clone();

            // A restarted service numbers its events from one again: what was missed is told apart by time.
            current.IncludePast |= !isFirst;
            using AsyncServerStreamingCall<WatchEventsResponse> call =
                session.Node.WatchEvents(current, Session.Endless(cancel));
            while (await MoveNextAsync(call.ResponseStream, isFirst, cancel))
            {
                Event happened = call.ResponseStream.Current.Event;
                DateTimeOffset time = happened.Time?.ToDateTimeOffset() ?? told;
                if (isFirst || time > told)
                {
                    told = time > told ? time : told;
                    yield return happened;
                }
            }

            await Pause.ForAsync(Retry, cancel);
        }
    }

    // The call is about to be broken off, and the read with it; that is no failure.
    private static void Forget(Task task)
    {
        _ = task.ContinueWith(
            t => t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
    }

    private async Task<bool> MoveNextAsync(
        IAsyncStreamReader<WatchEventsResponse> stream, bool isFirst, CancellationToken cancel)
    {
        try
        {
            return await stream.MoveNext(cancel);
        }
        catch (RpcException) when (cancel.IsCancellationRequested)
        {
            return false;
        }
        catch (RpcException e) when (IsPassing(e.StatusCode) && !(isFirst && session.Channel.ConnectFault is not null))
        {
            if (session.Channel.ConnectFault is null)
            {
                ErrorText.WriteHint(
                    session.Error, "the stream of events broke; connecting again", session.Terminal.ErrorColor);
            }

            return false;
        }
    }

    private static bool IsPassing(StatusCode status)
    {
        return status is StatusCode.Unavailable or StatusCode.Cancelled or StatusCode.Internal or StatusCode.Unknown;
    }
}
