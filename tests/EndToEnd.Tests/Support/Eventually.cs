using System.Diagnostics;

namespace Nf.EndToEnd.Tests.Support;

/// <summary>Waits for a condition itself, with a deadline.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>How long most things may take on a loaded machine with two cores.</summary>
    internal static TimeSpan Patience { get; } = TimeSpan.FromSeconds(30);

    /// <summary>Polls until <paramref name="read"/> gives something that is not null, and returns it.</summary>
    internal static async Task<T> GetAsync<T>(string what, Func<Task<T?>> read, TimeSpan? patience = null)
        where T : class
    {
        long began = Stopwatch.GetTimestamp();
        TimeSpan limit = patience ?? Patience;
        while (true)
        {
            if (await read() is { } value)
            {
                return value;
            }

            if (Stopwatch.GetElapsedTime(began) > limit)
            {
                throw new TimeoutException($"{what}: not within {limit.TotalSeconds} s");
            }

            await Task.Delay(Pause);
        }
    }

    /// <summary>Polls until <paramref name="holds"/>.</summary>
    internal static Task TrueAsync(string what, Func<Task<bool>> holds, TimeSpan? patience = null) =>
        GetAsync(what, async () => await holds() ? "yes" : null, patience);
}
