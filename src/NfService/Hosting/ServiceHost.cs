using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Nf.Service;

/// <summary>Puts the process together.</summary>
internal static class ServiceHost
{
    // Requests are specs, and the largest of them prefix tables and ELF files; as the contract has it.
    private const int MessageBytesMax = 16 << 20;

    // Kubernetes gives 30 s, people less; whatever still runs after this is cut off.
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(1.5);

    /// <summary>Makes the application; nothing listens yet.</summary>
    /// <param name="options">What the operator says.</param>
    /// <param name="connector">How the data plane is reached; null for its socket.</param>
    /// <exception cref="IOException">The socket's path is taken.</exception>
    public static WebApplication Build(ServiceOptions options, IDataPlaneConnector? connector = null)
    {
        UnixListener.Prepare(options.GrpcSocket);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            // Files in whatever directory it is started from are not ours to read or to watch.
            ContentRootPath = AppContext.BaseDirectory,
        });
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            console.UseUtcTimestamp = true;
        });
        builder.Logging.SetMinimumLevel(LogLevel.Information);
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        builder.Logging.AddFilter("Grpc", LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(kestrel => Listen(kestrel, options));
        builder.Services.Configure<SocketTransportOptions>(
            transport => transport.CreateBoundListenSocket = UnixListener.Bind);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = DrainTimeout);
        AddService(builder.Services, options, connector ?? new SeqPacketConnector(options.DataPlaneSocket));
        Protocols.Add(builder.Services);

        WebApplication app = builder.Build();
        Map(app);
        return app;
    }

    private static void Listen(KestrelServerOptions kestrel, ServiceOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.ListenUnixSocket(options.GrpcSocket, listen => listen.Protocols = HttpProtocols.Http2);
        if (options.Metrics is { } url)
        {
            // HTTP/1 only: gRPC cannot be spoken here, so the port shows figures and changes nothing.
            IPAddress address = url.Host == "localhost" ? IPAddress.Loopback : IPAddress.Parse(url.Host.Trim('[', ']'));
            kestrel.Listen(address, url.Port, listen => listen.Protocols = HttpProtocols.Http1);
        }
    }

    private static void AddService(IServiceCollection services, ServiceOptions options, IDataPlaneConnector connector)
    {
        services.AddSingleton(options);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(connector);
        services.AddSingleton(new QuotaTable(options.Quotas, options.QuotaDefault));
        services.AddSingleton<DesiredState>();
        services.AddSingleton<OperationGate>();
        services.AddSingleton<EventLog>();
        services.AddSingleton<ObservedState>();
        services.AddSingleton<SegmentView>();
        services.AddSingleton<StatsReader>();
        services.AddSingleton<NodeDescription>();
        services.AddSingleton<DataPlaneMeter>();
        services.AddSingleton<DataPlaneClient>();
        services.AddSingleton<IDataPlane>(provider => provider.GetRequiredService<DataPlaneClient>());
        services.AddSingleton<ResourceOperations>();
        services.AddSingleton<Links>();
        services.AddSingleton<Bridges>();
        services.AddSingleton<Connections>();
        services.AddSingleton<XskSockets>();
        services.AddSingleton<Leases>();
        services.AddSingleton<VhostDevices>();
        services.AddSingleton<Umems>();
        services.AddSingleton<Cpumaps>();
        services.AddSingleton<CpumapPrograms>();
        services.AddSingleton<Steerings>();
        services.AddSingleton<MetricSource>();
        services.AddSingleton<NfMeters>();
        services.AddSingleton<MetricCollector>();
        services.AddHostedService(provider => provider.GetRequiredService<DataPlaneClient>());
        services.AddHostedService<Synchroniser>();
        services.AddHostedService<StatusRefresher>();
        services.AddHostedService<HealthReporter>();
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = MessageBytesMax;
            grpc.EnableDetailedErrors = false;
            grpc.Interceptors.Add<RpcErrorInterceptor>();
        });
        services.AddSingleton<UmemService>();
        services.AddSingleton<XskSocketService>();
        services.AddSingleton<LeaseService>();
        services.AddSingleton<VhostDeviceService>();
        services.AddSingleton<LinkService>();
        services.AddSingleton<BridgeService>();
        services.AddSingleton<CpumapService>();
        services.AddSingleton<SteeringService>();
        services.AddSingleton<NodeService>();
    }

    private static void Map(WebApplication app)
    {
        // Instruments must exist before the first scrape.
        _ = app.Services.GetRequiredService<NfMeters>();
        app.MapGrpcService<UmemService>();
        app.MapGrpcService<XskSocketService>();
        app.MapGrpcService<LeaseService>();
        app.MapGrpcService<VhostDeviceService>();
        app.MapGrpcService<LinkService>();
        app.MapGrpcService<BridgeService>();
        app.MapGrpcService<CpumapService>();
        app.MapGrpcService<SteeringService>();
        app.MapGrpcService<NodeService>();
        Protocols.Map(app);

        // Alive is whoever answers; ready is who can carry out a request.
        app.MapGet("/healthz", () => "ok\n");
        IDataPlane dataPlane = app.Services.GetRequiredService<IDataPlane>();
        app.MapGet("/readyz", () => dataPlane.IsReady
            ? Results.Text("ok\n")
            : Results.Text("no data plane\n", statusCode: StatusCodes.Status503ServiceUnavailable));
    }
}
