#if FULL_FEED
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Prometheus;
#else
using Grpc.Reflection.V1;
using Nf.Service.Grpc;
using HealthProto = Grpc.Health.V1.Health;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;
#endif

namespace Nf.Service;

/// <summary>
/// Health, reflection and metrics: by the official packages where the feed has them (FullFeed), else by our own.
/// </summary>
internal static class Protocols
{
#if FULL_FEED
    public static void Add(IServiceCollection services)
    {
        services.AddSingleton(new HealthSink((_, _) => { })); // the checks below are asked instead of told
        services.AddGrpcReflection();
        AddMetrics();
        IHealthChecksBuilder checks = services.AddGrpcHealthChecks(health =>
        {
            foreach (string service in HealthReporter.Services)
            {
                health.Services.Map(service, check => check.Name != HealthReporter.DataPlaneService);
            }

            health.Services.Map(
                HealthReporter.DataPlaneService, check => check.Name == HealthReporter.DataPlaneService);
        });
        checks.AddCheck("process", () => HealthCheckResult.Healthy());
        checks.Add(new HealthCheckRegistration(
            HealthReporter.DataPlaneService,
            provider => new DataPlaneCheck(provider.GetRequiredService<IDataPlane>()),
            failureStatus: null,
            tags: null));
    }

    // The adapter takes the names of our instruments as they are (NamedMeter); what it makes of the rest is in
    // docs/architecture.md.
    private static void AddMetrics()
    {
        Metrics.SuppressDefaultMetrics(new SuppressDefaultMetricOptions
        {
            SuppressDebugMetrics = true,
            SuppressEventCounters = true,
            SuppressProcessMetrics = true,
        });
        Metrics.ConfigureMeterAdapter(adapter =>
        {
            adapter.InstrumentFilterPredicate = instrument =>
                MetricCollector.MetersDefault.Contains(instrument.Meter.Name);
            adapter.ResolveHistogramBuckets = MetricCollector.Bounds;
        });
    }

    public static void Map(WebApplication app)
    {
        app.MapGrpcHealthChecksService();
        app.MapGrpcReflectionService();
        app.MapMetrics();
    }

    private sealed class DataPlaneCheck(IDataPlane dataPlane) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(
            HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(
                dataPlane.Hello is null ? HealthCheckResult.Unhealthy("no data plane") : HealthCheckResult.Healthy());
    }
#else
    public static void Add(IServiceCollection services)
    {
        services.AddSingleton<HealthStatuses>();
        services.AddSingleton(provider =>
        {
            HealthStatuses statuses = provider.GetRequiredService<HealthStatuses>();
            return new HealthSink((service, serves) =>
                statuses.Set(service, serves ? ServingStatus.Serving : ServingStatus.NotServing));
        });
        services.AddSingleton(new DescriptorCatalog(
            V1.UmemService.Descriptor,
            V1.XskSocketService.Descriptor,
            V1.VhostDeviceService.Descriptor,
            V1.LinkService.Descriptor,
            V1.BridgeService.Descriptor,
            V1.CpumapService.Descriptor,
            V1.SteeringService.Descriptor,
            V1.NodeService.Descriptor,
            HealthProto.Descriptor,
            ServerReflection.Descriptor));
    }

    public static void Map(WebApplication app)
    {
        app.MapGrpcService<HealthService>();
        app.MapGrpcService<ReflectionService>();
        app.MapGrpcService<ReflectionServiceAlpha>();
        MetricCollector collector = app.Services.GetRequiredService<MetricCollector>();
        app.MapGet("/metrics", http => MetricsEndpoint.HandleAsync(http, collector));
    }
#endif
}
