using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Health.V1;
using Nf.V1;

namespace Nf.Service.Tests;

public sealed class NodeTests
{
    [Fact]
    public async Task GetNode_WithoutDataPlane_TellsWhatItKnows()
    {
        await using RunningService service = await RunningService.StartAsync(new FakeDataPlane { Listens = false });

        GetNodeResponse response = await service.Node.GetNodeAsync(new GetNodeRequest());

        Assert.NotEmpty(response.Node.KernelRelease);
        Assert.False(response.Node.DataPlane.Connected);
    }

    [Fact]
    public async Task GetNode_WithDataPlane_TellsItsLifeAndInterfaces()
    {
        await using RunningService service = await RunningService.StartAsync();

        GetNodeResponse response = await service.Node.GetNodeAsync(new GetNodeRequest());

        Assert.Equal((true, 1UL), (response.Node.DataPlane.Connected, response.Node.DataPlane.Generation));
        Assert.Equal("lo", response.Node.Interfaces.Single().Name);
    }

    [Fact]
    public async Task Create_WithoutDataPlane_IsUnavailable()
    {
        await using RunningService service = await RunningService.StartAsync(new FakeDataPlane { Listens = false });

        var error = await Assert.ThrowsAsync<RpcException>(() => service.CreateUmemAsync());

        Assert.Equal((StatusCode.Unavailable, "DATA_PLANE_UNAVAILABLE"), (error.StatusCode, error.Reason()));
    }

    [Fact]
    public async Task GetStats_OfASocket_ComesFromTheSegment()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateUmemAsync();
        await service.BindAsync("a");
        await service.BindAsync("b", queue: 1);
        await service.LinkAsync("l", "a", "b");
        ref var port = ref service.DataPlane.Segment.Port(1);
        (port.Identity.InUse, port.Identity.State, port.Identity.Queue) = (1, (uint)XskState.Bound, 1);
        (port.Traffic.RxPackets, port.Traffic.LinkPackets, port.Traffic.LinkBytes) = (10, 8, 800);
        port.Drops[0] = 2;

        Stats stats = (await service.Node.GetStatsAsync(new GetStatsRequest())).Stats;

        PortStats read = Assert.Single(stats.Ports);
        Assert.Equal(("b", 10UL, "bound", "l"), (read.XskSocket, read.RxPackets, read.State, read.Link));
        Assert.Equal(("no_link", 2UL), (read.Drops.Single().Reason, read.Drops.Single().Packets));
        LinkStats link = Assert.Single(stats.Links);
        Assert.Equal((0UL, 8UL, 800UL), (link.AToBPackets, link.BToAPackets, link.BToABytes));
    }

    [Theory]
    [InlineData(0, 99_000_000)]
    [InlineData(3601, 0)]
    [InlineData(-1, 0)]
    [InlineData(long.MaxValue, 0)]
    [InlineData(1, -1)]
    public async Task WatchStats_WrongInterval_IsInvalidArgument(long seconds, int nanos)
    {
        await using RunningService service = await RunningService.StartAsync();
        using AsyncServerStreamingCall<WatchStatsResponse> watch = service.Node.WatchStats(
            new WatchStatsRequest { Interval = new Duration { Seconds = seconds, Nanos = nanos } });

        var error = await Assert.ThrowsAsync<RpcException>(() => watch.ResponseStream.MoveNext(CancellationToken.None));

        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Equal("interval", error.Detail<Google.Rpc.BadRequest>().FieldViolations.Single().Field);
    }

    [Fact]
    public async Task WatchStats_AcrossARestart_GoesOn()
    {
        await using RunningService service = await RunningService.StartAsync();
        using AsyncServerStreamingCall<WatchStatsResponse> watch = service.Node.WatchStats(
            new WatchStatsRequest { Interval = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(100)) });
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));

        service.DataPlane.Die();
        do
        {
            Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        }
        while (watch.ResponseStream.Current.Stats.Generation != 2);
    }

    [Fact]
    public async Task WatchEvents_OfOneType_TellsThoseOnly()
    {
        await using RunningService service = await RunningService.StartAsync();
        using AsyncServerStreamingCall<WatchEventsResponse> watch = service.Node.WatchEvents(
            new WatchEventsRequest { ResourceTypes = { "xsk_socket" } });
        await watch.ResponseHeadersAsync.InTimeAsync();

        await service.CreateUmemAsync();
        await service.BindAsync("s");

        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        Event told = watch.ResponseStream.Current.Event;
        Assert.Equal((EventKind.Created, "s", 1UL), (told.Kind, told.ResourceName, told.Generation));
    }

    [Fact]
    public async Task WatchEvents_ToldByTheDataPlane_GetsOurNumber()
    {
        await using RunningService service = await RunningService.StartAsync();
        ulong event0 = service.Events.LastSequence;

        service.DataPlane.Send(new Event
        {
            Sequence = 9,
            Generation = 1,
            Kind = EventKind.StateChanged,
            ResourceType = "xsk_socket",
            ResourceName = "s",
        });

        Event told = await service.WaitEventAsync(e => e.Kind == EventKind.StateChanged, event0);
        Assert.Equal(event0 + 1, told.Sequence);
    }

    [Fact]
    public async Task Stop_WithWatchers_EndsThemAndIsQuick()
    {
        await using RunningService service = await RunningService.StartAsync();
        using AsyncServerStreamingCall<WatchEventsResponse> events = service.Node.WatchEvents(new WatchEventsRequest());
        using AsyncServerStreamingCall<WatchStatsResponse> stats = service.Node.WatchStats(new WatchStatsRequest());
        await events.ResponseHeadersAsync.InTimeAsync();
        await stats.ResponseHeadersAsync.InTimeAsync();
        Task<bool> next = events.ResponseStream.MoveNext(CancellationToken.None);

        await service.StopAsync();

        Assert.False(await next);
        Assert.Equal(StatusCode.OK, events.GetStatus().StatusCode);
    }

    [Fact]
    public async Task Health_OfTheDataPlane_FollowsIt()
    {
        await using RunningService service = await RunningService.StartAsync();
        var health = new Health.HealthClient(service.Calls);
        using AsyncServerStreamingCall<HealthCheckResponse> watch = health.Watch(
            new HealthCheckRequest { Service = HealthReporter.DataPlaneService });
        await WaitForAsync(watch, HealthCheckResponse.Types.ServingStatus.Serving);

        service.DataPlane.Listens = false;
        service.DataPlane.Die();

        await WaitForAsync(watch, HealthCheckResponse.Types.ServingStatus.NotServing);
        HealthCheckResponse process = await health.CheckAsync(new HealthCheckRequest());
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, process.Status);
    }

    private static async Task WaitForAsync(
        AsyncServerStreamingCall<HealthCheckResponse> watch, HealthCheckResponse.Types.ServingStatus wanted)
    {
        do
        {
            Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        }
        while (watch.ResponseStream.Current.Status != wanted);
    }
}
