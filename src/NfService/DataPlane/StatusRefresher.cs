namespace Nf.Service;

/// <summary>
/// Asks again and again for what no segment tells: the faults of vhost-user devices by kind, the state of their guests,
/// what bridges learned, what could not be redirected into cpumaps. Scrapes and watchers read the last answer and never
/// wait.
/// </summary>
/// <remarks>While there is no device, bridge, cpumap or steering, nothing is asked.</remarks>
internal sealed class StatusRefresher(IDataPlane dataPlane, DesiredState desired, DataPlaneClient client)
    : BackgroundService
{
    /// <summary>How old an answer gets. Arbitrary: well below the interval of a scrape.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (dataPlane.IsReady && (desired.VhostDevices.Count > 0 || desired.Bridges.Count > 0
                || desired.Cpumaps.Count > 0 || desired.Steerings.Count > 0))
            {
                await client.RefreshAsync(stoppingToken);
            }
        }
    }
}
