using System.Net.Sockets;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Nf.Service.Grpc;

namespace Nf.Service.Tests.Grpc;

/// <summary>Health and reflection on a real Kestrel on a unix socket of its own.</summary>
public sealed class StandardServicesServer : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("nf-standard-");
    private WebApplication? _application;
    private GrpcChannel? _channel;

    internal HealthStatuses Statuses { get; } = new();

    internal CallInvoker Calls { get; private set; } = null!;

    private string SocketPath => Path.Combine(_directory.FullName, "nf.sock");

    /// <inheritdoc/>
    public async Task InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.ListenUnixSocket(SocketPath, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddSingleton(Statuses);
        builder.Services.AddSingleton(new DescriptorCatalog(
            V1.UmemService.Descriptor, V1.NodeService.Descriptor, Health.Descriptor));
        builder.Services.AddGrpc();
        _application = builder.Build();
        _application.MapGrpcService<HealthService>();
        _application.MapGrpcService<ReflectionService>();
        _application.MapGrpcService<ReflectionServiceAlpha>();
        await _application.StartAsync().InTimeAsync();
        _channel = GrpcChannel.ForAddress(
            "http://localhost",
            new GrpcChannelOptions
            {
                HttpHandler = new SocketsHttpHandler { ConnectCallback = ConnectAsync },
                DisposeHttpClient = true,
            });
        Calls = _channel.Intercept(new PatientCalls());
    }

    /// <inheritdoc/>
    public async Task DisposeAsync()
    {
        _channel!.Dispose();
        await _application!.DisposeInTimeAsync();
        _directory.Delete(recursive: true);
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
