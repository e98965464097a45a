namespace Nf.Service;

/// <summary>Where the health of services is told.</summary>
/// <param name="Set">Takes the name of a service and whether it serves.</param>
internal sealed record HealthSink(Action<string, bool> Set);

/// <summary>
/// Keeps the health service up to date: the services serve while this process lives; nf.v1.DataPlane says whether a
/// data plane is connected.
/// </summary>
internal sealed class HealthReporter(
    HealthSink health, EventLog events, IDataPlane dataPlane, IHostApplicationLifetime lifetime) : BackgroundService
{
    /// <summary>The entry that stands for the data plane.</summary>
    public const string DataPlaneService = "nf.v1.DataPlane";

    /// <summary>The services that serve while this process lives.</summary>
    public static readonly IReadOnlyList<string> Services =
    [
        "",
        V1.UmemService.Descriptor.FullName,
        V1.XskSocketService.Descriptor.FullName,
        V1.VhostDeviceService.Descriptor.FullName,
        V1.LinkService.Descriptor.FullName,
        V1.BridgeService.Descriptor.FullName,
        V1.CpumapService.Descriptor.FullName,
        V1.SteeringService.Descriptor.FullName,
        V1.NodeService.Descriptor.FullName,
    ];

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        SetAll(true);
        health.Set(DataPlaneService, dataPlane.Hello is not null);
        lifetime.ApplicationStopping.Register(() => SetAll(false));
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var watch = new EventWatch(0, IncludePast: true, new HashSet<string> { EventLog.DataPlaneType });
        await foreach (V1.Event _ in watch.ReadAsync(events, stoppingToken))
        {
            health.Set(DataPlaneService, dataPlane.Hello is not null);
        }
    }

    private void SetAll(bool serves)
    {
        foreach (string service in Services)
        {
            health.Set(service, serves);
        }
    }
}
