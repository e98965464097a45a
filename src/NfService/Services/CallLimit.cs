using Grpc.Core;

namespace Nf.Service;

/// <summary>How long a call may take: until the caller's deadline, or 10 s where it gave none.</summary>
internal static class CallLimit
{
    /// <summary>For callers without a deadline.</summary>
    public static readonly TimeSpan Default = TimeSpan.FromSeconds(10);

    /// <summary>Runs a call within its limit.</summary>
    /// <param name="context">Of the call.</param>
    /// <param name="call">The call.</param>
    /// <param name="more">What the caller allows beyond the default, such as for a queue to be emptied.</param>
    /// <exception cref="DataPlaneTimeoutException">The default limit passed.</exception>
    public static async Task<T> WithinLimit<T>(
        this ServerCallContext context, Func<CancellationToken, Task<T>> call, TimeSpan more = default)
    {
        if (context.Deadline != DateTime.MaxValue)
        {
            return await call(context.CancellationToken);
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        TimeSpan allowed = Default + more;
        limit.CancelAfter(allowed);
        try
        {
            return await call(limit.Token);
        }
        catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
        {
            throw new DataPlaneTimeoutException(
                $"the data plane did not answer within {allowed.TotalSeconds:0} s; what was asked for may yet happen");
        }
    }

    /// <summary>Runs a call within its limit.</summary>
    /// <exception cref="DataPlaneTimeoutException">The default limit passed.</exception>
    public static Task WithinLimit(this ServerCallContext context, Func<CancellationToken, Task> call) =>
        context.WithinLimit(async cancel =>
        {
            await call(cancel);
            return true;
        });
}
