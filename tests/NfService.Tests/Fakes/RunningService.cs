using System.Net.Sockets;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Nf.V1;

namespace Nf.Service.Tests;

/// <summary>The whole service on a real Kestrel with a unix socket of its own, in front of a fake data plane.</summary>
internal sealed class RunningService : IAsyncDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("nf-service-");
    private readonly WebApplication _application;
    private readonly GrpcChannel _channel;

    private RunningService(FakeDataPlane dataPlane, IReadOnlyDictionary<string, ulong>? quotas)
    {
        DataPlane = dataPlane;
        var options = new ServiceOptions(
            Path.Combine(_directory.FullName, "run"), new Uri("http://127.0.0.1:0"),
            quotas ?? new Dictionary<string, ulong>(), null);
        _application = ServiceHost.Build(options, dataPlane);
        SocketPath = options.GrpcSocket;
        _channel = GrpcChannel.ForAddress(
            "http://localhost",
            new GrpcChannelOptions
            {
                HttpHandler = new SocketsHttpHandler { ConnectCallback = ConnectAsync },
                DisposeHttpClient = true,
                MaxReceiveMessageSize = 16 << 20, // as a client sets it that reads prefix tables
            });
        Calls = _channel.Intercept(new PatientCalls());
        Umems = new V1.UmemService.UmemServiceClient(Calls);
        Leases = new V1.LeaseService.LeaseServiceClient(Calls);
        Sockets = new V1.XskSocketService.XskSocketServiceClient(Calls);
        VhostDevices = new V1.VhostDeviceService.VhostDeviceServiceClient(Calls);
        Links = new V1.LinkService.LinkServiceClient(Calls);
        Bridges = new V1.BridgeService.BridgeServiceClient(Calls);
        Cpumaps = new V1.CpumapService.CpumapServiceClient(Calls);
        Steerings = new V1.SteeringService.SteeringServiceClient(Calls);
        Node = new V1.NodeService.NodeServiceClient(Calls);
    }

    public FakeDataPlane DataPlane { get; }

    public string SocketPath { get; }

    public V1.UmemService.UmemServiceClient Umems { get; }

    public V1.XskSocketService.XskSocketServiceClient Sockets { get; }

    public V1.LeaseService.LeaseServiceClient Leases { get; }

    public V1.VhostDeviceService.VhostDeviceServiceClient VhostDevices { get; }

    public V1.LinkService.LinkServiceClient Links { get; }

    public V1.BridgeService.BridgeServiceClient Bridges { get; }

    public V1.CpumapService.CpumapServiceClient Cpumaps { get; }

    public V1.SteeringService.SteeringServiceClient Steerings { get; }

    public V1.NodeService.NodeServiceClient Node { get; }

    /// <summary>Carries the calls of other clients.</summary>
    public CallInvoker Calls { get; }

    public EventLog Events => Get<EventLog>();

    /// <summary>Where metrics are.</summary>
    public Uri MetricsAddress => new(_application.Services.GetRequiredService<IServer>().Features
        .Get<IServerAddressesFeature>()!.Addresses.Single(a => a.StartsWith("http://127", StringComparison.Ordinal)));

    /// <summary>Starts a service, and waits for its data plane unless that does not listen.</summary>
    public static async Task<RunningService> StartAsync(
        FakeDataPlane? dataPlane = null, IReadOnlyDictionary<string, ulong>? quotas = null)
    {
        var service = new RunningService(dataPlane ?? new FakeDataPlane(), quotas);
        await service._application.StartAsync().InTimeAsync();
        if (service.DataPlane.Listens)
        {
            await service.WaitReadyAsync();
        }

        return service;
    }

    public T Get<T>()
        where T : notnull => _application.Services.GetRequiredService<T>();

    /// <summary>Waits until a data plane is connected and synchronised.</summary>
    public async Task WaitReadyAsync(ulong afterEvent = 0)
    {
        IDataPlane dataPlane = Get<IDataPlane>();
        await WaitEventAsync(e => e.Kind == EventKind.DataPlaneUp, afterEvent);
        await dataPlane.WaitReadyAsync(CancellationToken.None).InTimeAsync();

        // Whoever gets in after the synchroniser finds its work done.
        (await Get<OperationGate>().EnterAloneAsync(CancellationToken.None).InTimeAsync()).Dispose();
    }

    /// <summary>Waits for an event, past ones included.</summary>
    public async Task<Event> WaitEventAsync(Func<Event, bool> isWanted, ulong afterEvent = 0)
    {
        using var patience = new CancellationTokenSource(Deadline.Patience);
        var watch = new EventWatch(afterEvent, IncludePast: true, new HashSet<string>());
        var seen = new List<EventKind>();
        try
        {
            await foreach (Event told in watch.ReadAsync(Events, patience.Token))
            {
                if (isWanted(told))
                {
                    return told;
                }

                seen.Add(told.Kind);
            }
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"the event did not come, only: {string.Join(", ", seen)}", e);
        }

        throw new InvalidOperationException("the events ended");
    }

    public Task StopAsync() => _application.StopAsync().InTimeAsync();

    /// <summary>Asks for what is not gRPC.</summary>
    public HttpClient NewHttpClient() => new() { BaseAddress = MetricsAddress, Timeout = Deadline.Patience };

    public async Task<Umem> CreateUmemAsync(string name = "u", Action<UmemSpec>? change = null)
    {
        CreateUmemResponse response = await Umems.CreateUmemAsync(Requests.Umem(name, change));
        return response.Umem;
    }

    public async Task<XskSocket> BindAsync(string name, string umem = "u", uint queue = 0)
    {
        BindXskSocketResponse response = await Sockets.BindXskSocketAsync(Requests.Socket(name, umem, queue));
        return response.XskSocket;
    }

    public async Task<Link> LinkAsync(string name, string a, string b)
    {
        CreateLinkResponse response = await Links.CreateLinkAsync(Requests.Link(name, [a], [b]));
        return response.Link;
    }

    public async Task<VhostDevice> CreateVhostAsync(string name = "v", Action<VhostDeviceSpec>? change = null)
    {
        CreateVhostDeviceResponse response =
            await VhostDevices.CreateVhostDeviceAsync(Requests.Vhost(name, change));
        return response.VhostDevice;
    }

    public async Task<Bridge> BridgeAsync(string name, params V1.Endpoint[] endpoints)
    {
        CreateBridgeResponse response = await Bridges.CreateBridgeAsync(Requests.Bridge(name, endpoints));
        return response.Bridge;
    }

    public async Task<Cpumap> CreateCpumapAsync(string name = "m", Action<CpumapSpec>? change = null)
    {
        CreateCpumapResponse response = await Cpumaps.CreateCpumapAsync(Requests.Cpumap(name, change));
        return response.Cpumap;
    }

    public async Task<CpumapEntry> SetEntryAsync(
        string cpumap, uint cpu, Action<UpdateCpumapEntryRequest>? change = null)
    {
        UpdateCpumapEntryResponse response =
            await Cpumaps.UpdateCpumapEntryAsync(Requests.Entry(cpumap, cpu, change));
        return response.Entry;
    }

    public async Task<Steering> SteerAsync(string name, params SteeringRule[] rules)
    {
        SetSteeringResponse response = await Steerings.SetSteeringAsync(Requests.Steering(name, rules));
        return response.Steering;
    }

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        await _application.DisposeInTimeAsync();
        DataPlane.Dispose();
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
