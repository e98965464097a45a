using System.Collections.Concurrent;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Nf.V1;

namespace Nf.Ctl.Tests.EndToEnd;

/// <summary>Plays nf-service in this process: the real gRPC server on a unix socket, scripted answers.</summary>
internal sealed class FakeService : IAsyncDisposable
{
    private WebApplication? _application;

    /// <summary>The run directory, short because a unix socket's path is.</summary>
    internal string RunFolder { get; } = Directory.CreateTempSubdirectory("nfctl").FullName;

    /// <summary>Every request so far, in order.</summary>
    internal ConcurrentQueue<IMessage> Requests { get; } = [];

    /// <summary>When set, every call fails with it.</summary>
    internal RpcException? Failure { get; set; }

    /// <summary>When set, unary calls wait for it.</summary>
    internal Task? Hang { get; set; }

    internal List<Umem> Umems { get; } = [];

    internal List<XskSocket> XskSockets { get; } = [];

    internal List<VhostDevice> VhostDevices { get; } = [];

    internal List<Link> Links { get; } = [];

    internal List<Bridge> Bridges { get; } = [];

    internal List<BridgeEntry> BridgeEntries { get; } = [];

    internal List<Cpumap> Cpumaps { get; } = [];

    internal List<CpumapProgram> CpumapPrograms { get; } = [];

    internal List<Steering> Steerings { get; } = [];

    internal List<Event> Past { get; } = [];

    /// <summary>Plays a stream of counters; by default one that never says anything.</summary>
    internal Func<IServerStreamWriter<WatchStatsResponse>, CancellationToken, Task> Watch { get; set; } =
        (_, cancel) => Task.Delay(Timeout.Infinite, cancel);

    /// <summary>Plays what comes after the past events; by default nothing, for ever.</summary>
    internal Func<IServerStreamWriter<WatchEventsResponse>, CancellationToken, Task> Events { get; set; } =
        (_, cancel) => Task.Delay(Timeout.Infinite, cancel);

    internal Stats Stats { get; set; } = new();

    internal Node Node { get; set; } = new();

    internal bool Serving { get; set; } = true;

    internal static async Task<FakeService> StartAsync()
    {
        var service = new FakeService();
        await service.StartAgainAsync();
        return service;
    }

    internal async Task StartAgainAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(this);
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromMilliseconds(1));
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(
            Path.Combine(RunFolder, "nf.sock"), listen => listen.Protocols = HttpProtocols.Http2));
        _application = builder.Build();
        _application.MapGrpcService<FakeUmems>();
        _application.MapGrpcService<FakeXskSockets>();
        _application.MapGrpcService<FakeVhostDevices>();
        _application.MapGrpcService<FakeLinks>();
        _application.MapGrpcService<FakeBridges>();
        _application.MapGrpcService<FakeCpumaps>();
        _application.MapGrpcService<FakeSteerings>();
        _application.MapGrpcService<FakeNode>();
        _application.MapGrpcService<FakeHealth>();
        await _application.StartAsync();
    }

    internal async Task StopAsync()
    {
        if (_application is { } application)
        {
            _application = null;
            await application.StopAsync();
            await application.DisposeAsync();
        }
    }

    /// <summary>Notes a request; fails or waits when told to.</summary>
    internal async Task ReceiveAsync(IMessage request, ServerCallContext context)
    {
        Requests.Enqueue(request);
        if (Failure is { } failure)
        {
            throw failure;
        }

        if (Hang is { } hang)
        {
            await hang.WaitAsync(context.CancellationToken);
        }
    }

    /// <summary>One page of a list: two entries, so that a list of three has two pages.</summary>
    internal static (IEnumerable<T> Entries, string Next) PageOf<T>(List<T> all, Page page)
    {
        const int Entries = 2;
        int from = page is null || page.Token.Length == 0 ? 0 : int.Parse(page.Token);
        string next = from + Entries < all.Count ? $"{from + Entries}" : "";
        return (all.Skip(from).Take(Entries), next);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(RunFolder, recursive: true);
    }
}
