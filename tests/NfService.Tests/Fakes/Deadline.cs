using System.Runtime.CompilerServices;

namespace Nf.Service.Tests;

/// <summary>Waits that end: a test that would hang fails instead, and says what it waited for.</summary>
internal static class Deadline
{
    /// <summary>Longer than anything here takes, on a machine that has much else to do, too.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Waits for a task.</summary>
    /// <param name="task">What is waited for.</param>
    /// <param name="what">Its name in the failure.</param>
    /// <exception cref="TimeoutException">It did not end in time.</exception>
    public static async Task<T> InTimeAsync<T>(
        this Task<T> task, [CallerArgumentExpression(nameof(task))] string what = "")
    {
        await ((Task)task).InTimeAsync(what);
        return await task;
    }

    /// <inheritdoc cref="InTimeAsync{T}"/>
    public static async Task InTimeAsync(this Task task, [CallerArgumentExpression(nameof(task))] string what = "")
    {
        using var over = new CancellationTokenSource();
        if (await Task.WhenAny(task, Task.Delay(Patience, over.Token)) != task)
        {
            throw new TimeoutException($"after {Patience.TotalSeconds:0} s there is still no end of: {what}");
        }

        await over.CancelAsync();
        await task;
    }

    /// <summary>Disposes in time, on another thread: what blocks there cannot keep the runner's threads.</summary>
    public static Task DisposeInTimeAsync(
        this IAsyncDisposable what, [CallerArgumentExpression(nameof(what))] string name = "") =>
        Task.Run(() => what.DisposeAsync().AsTask()).InTimeAsync($"the disposal of {name}");
}
