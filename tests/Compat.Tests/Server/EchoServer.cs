using System.Net.Sockets;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Nf.Compat.Tests.Server;

/// <summary>The echo service on a real Kestrel: HTTP/2 without TLS on a unix socket of its own.</summary>
public sealed class EchoServer : IAsyncLifetime
{
    /// <summary>Larger messages are refused by the server.</summary>
    internal const int ReceiveBytesMax = 64 * 1024;

    /// <summary>How long a test waits for what must happen at once.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("nf-compat-");
    private WebApplication? _application;

    internal CancellationLog Cancellations { get; } = new();

    internal string SocketPath => Path.Combine(_directory.FullName, "echo.sock");

    /// <inheritdoc/>
    public async Task InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.ListenUnixSocket(SocketPath, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddSingleton(Cancellations);
        builder.Services.AddGrpc(options =>
        {
            options.Interceptors.Add<KindInterceptor>();
            options.MaxReceiveMessageSize = ReceiveBytesMax;
            options.ResponseCompressionAlgorithm = "gzip";
        });
        _application = builder.Build();
        _application.MapGrpcService<EchoService>();
        await _application.StartAsync();
    }

    /// <inheritdoc/>
    public async Task DisposeAsync()
    {
        if (_application is not null)
        {
            await _application.DisposeAsync();
        }

        _directory.Delete(recursive: true);
    }

    /// <summary>A channel to this server; <paramref name="wrap"/> may put a handler around its transport.</summary>
    internal GrpcChannel Connect(
        Action<GrpcChannelOptions>? configure = null, Func<HttpMessageHandler, HttpMessageHandler>? wrap = null)
    {
        var transport = new SocketsHttpHandler { ConnectCallback = ConnectAsync };
        var options = new GrpcChannelOptions
        {
            HttpHandler = wrap?.Invoke(transport) ?? transport,
            DisposeHttpClient = true,
        };
        configure?.Invoke(options);
        return GrpcChannel.ForAddress("http://localhost", options);
    }

    private async ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
