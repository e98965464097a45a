namespace Nf.Ctl.Client;

/// <summary>Waits that end early, and quietly, when cancelled.</summary>
internal static class Pause
{
    internal static async Task ForAsync(TimeSpan time, CancellationToken cancel)
    {
        await Task.Delay(time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
