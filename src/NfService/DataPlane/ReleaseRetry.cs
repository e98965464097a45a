using Nf.Internal.V1;
using Nf.Linux;
using Polly;
using Polly.Retry;

namespace Nf.Service;

/// <summary>Asks again when something that was released a moment ago is still in the way.</summary>
/// <remarks>
/// The kernel tears an AF_XDP socket down after close returned (an RCU grace period and a work queue). Until then its
/// queue and its name are taken, its UMEM is in use, and the memory it pinned counts against RLIMIT_MEMLOCK. Ten
/// attempts with growing pauses take about a second in all.
/// </remarks>
internal static class ReleaseRetry
{
    private static readonly (Errno Errno, string Reason)[] InTheWay =
    [
        (Errno.EBUSY, "QUEUE_TAKEN"), (Errno.EBUSY, "NAME_TAKEN"), (Errno.EBUSY, "IN_USE"),
        (Errno.ENOBUFS, "MEMLOCK_EXCEEDED"),
    ];

    private static readonly ResiliencePipeline<Reply> Pipeline = new ResiliencePipelineBuilder<Reply>()
        .AddRetry(new RetryStrategyOptions<Reply>
        {
            ShouldHandle = new PredicateBuilder<Reply>().Handle<DataPlaneFaultException>(
                fault => InTheWay.Contains((fault.Errno, fault.Reason))),
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = TimeSpan.FromMilliseconds(10),
            MaxDelay = TimeSpan.FromMilliseconds(200),
            MaxRetryAttempts = 9,
        })
        .Build();

    /// <summary>Runs a command until nothing is in the way, or for about a second.</summary>
    public static async Task<Reply> RunAsync(Func<CancellationToken, Task<Reply>> call, CancellationToken cancel) =>
        await Pipeline.ExecuteAsync(async ct => await call(ct), cancel);
}
