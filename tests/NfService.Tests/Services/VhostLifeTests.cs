using Google.Rpc;
using Grpc.Core;
using Nf.Linux;
using Nf.V1;
using Kind = Nf.Internal.V1.Command.CommandOneofCase;

namespace Nf.Service.Tests;

/// <summary>vhost-user devices and bridges through gRPC, with a fake data plane behind.</summary>
public sealed class VhostLifeTests
{
    [Fact]
    public async Task Create_Device_AnswersSpecWithDefaultsAndStatus()
    {
        await using RunningService service = await RunningService.StartAsync();

        VhostDevice device = await service.CreateVhostAsync();
        service.DataPlane.Inventory.Change("v", s => s.Diagnosis.Add("what only the data plane knows"));
        GetVhostDeviceResponse read = await service.VhostDevices.GetVhostDeviceAsync(
            new GetVhostDeviceRequest { Name = "v" });

        Assert.Equal((1024u, VhostState.Listening), (device.Spec.QueueSizeMax, device.Status.State));
        Assert.Equal("what only the data plane knows", read.VhostDevice.Status.Diagnosis[0]);
        Assert.StartsWith("QEMU connects with", read.VhostDevice.Status.Diagnosis[1], StringComparison.Ordinal);
        Assert.Equal(2, read.VhostDevice.Status.Diagnosis.Count);
    }

    [Fact]
    public async Task Create_EqualDeviceManyTimesAtOnce_ReachesTheDataPlaneOnce()
    {
        await using RunningService service = await RunningService.StartAsync();

        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => service.CreateVhostAsync()));

        Assert.Single(service.DataPlane.Commands, c => c.CommandCase == Kind.CreateVhostDevice);
    }

    [Fact]
    public async Task Create_DeviceOfAnotherSpec_NamesTheDifference()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateVhostAsync();

        var error = await Assert.ThrowsAsync<RpcException>(
            () => service.CreateVhostAsync(change: s => s.QueuePairs = 2));

        Assert.Equal(StatusCode.AlreadyExists, error.StatusCode);
        Assert.Contains("spec.queue_pairs is 1, asked for 2", error.Status.Detail);
    }

    [Fact]
    public async Task Create_ValidateOnly_CreatesNothing()
    {
        await using RunningService service = await RunningService.StartAsync();
        CreateVhostDeviceRequest device = Requests.Vhost();
        device.ValidateOnly = true;

        CreateVhostDeviceResponse response = await service.VhostDevices.CreateVhostDeviceAsync(device);

        Assert.Equal((1u, null), (response.VhostDevice.Spec.QueuePairs, response.VhostDevice.Status));
        Assert.Empty(service.DataPlane.Commands);
    }

    [Fact]
    public async Task Create_WrongDevice_TellsEveryFieldInTheTrailer()
    {
        await using RunningService service = await RunningService.StartAsync();

        var error = await Assert.ThrowsAsync<RpcException>(
            () => service.CreateVhostAsync(change: s => (s.SocketPath, s.MtuBytes) = ("x", 5)));

        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Equal(
            ["spec.socket_path", "spec.mtu_bytes"], error.Detail<BadRequest>().FieldViolations.Select(v => v.Field));
    }

    [Theory]
    [InlineData("SOCKET_PATH_TAKEN", Errno.EADDRINUSE, StatusCode.FailedPrecondition)]
    [InlineData("SOCKET_PATH_INVALID", Errno.ENOENT, StatusCode.InvalidArgument)]
    [InlineData("UNKNOWN_COMMAND", Errno.EOPNOTSUPP, StatusCode.FailedPrecondition)]
    public async Task Create_RefusedByTheDataPlane_LeavesNothingDesired(string reason, Errno errno, StatusCode code)
    {
        await using RunningService service = await RunningService.StartAsync();
        service.DataPlane.OnCommand = c => c.CommandCase == Kind.CreateVhostDevice
            ? [FakeInventory.Fault(reason, errno)]
            : null;

        var error = await Assert.ThrowsAsync<RpcException>(() => service.CreateVhostAsync());

        Assert.Equal((code, reason), (error.StatusCode, error.Reason()));
        Assert.Empty(service.Get<DesiredState>().VhostDevices);
    }

    [Fact]
    public async Task Delete_DeviceOfABridge_NeedsForceAndTakesTheBridgeAlong()
    {
        await using RunningService service = await RunningService.StartAsync();
        await BuildAsync(service);
        int before = service.DataPlane.Commands.Count;

        var error = await Assert.ThrowsAsync<RpcException>(async () =>
            await service.VhostDevices.DeleteVhostDeviceAsync(new DeleteVhostDeviceRequest { Name = "v" }));
        await service.VhostDevices.DeleteVhostDeviceAsync(new DeleteVhostDeviceRequest { Name = "v", Force = true });

        Assert.Equal("bridge:br", error.Detail<PreconditionFailure>().Violations.Single().Subject);
        Assert.Equal(
            [Kind.DeleteBridge, Kind.DeleteVhostDevice],
            service.DataPlane.Commands.Skip(before).Select(c => c.CommandCase));
        Assert.Equal(["umem:u", "xsk:a", "vhost:w"], service.DataPlane.Inventory.Names);
    }

    [Fact]
    public async Task Delete_UmemOfASocketInABridge_ForcedTakesBoth()
    {
        await using RunningService service = await RunningService.StartAsync();
        await BuildAsync(service);

        await service.Umems.DeleteUmemAsync(new DeleteUmemRequest { Name = "u", Force = true });

        Assert.Equal(["vhost:v", "vhost:w"], service.DataPlane.Inventory.Names);
    }

    [Fact]
    public async Task ListEntries_InPages_GivesEachOnce()
    {
        await using RunningService service = await RunningService.StartAsync();
        await BuildAsync(service);

        var seen = new List<string>();
        var request = new ListBridgeEntriesRequest { Name = "br", Page = new Page { Size = 2 } };
        do
        {
            ListBridgeEntriesResponse page = await service.Bridges.ListBridgeEntriesAsync(request);
            seen.AddRange(page.Entries.Select(entry => entry.Mac));
            request.Page.Token = page.NextPageToken;
        }
        while (request.Page.Token.Length > 0);

        Assert.Equal(FakeInventory.BridgeEntryCount, seen.Count);
        Assert.Equal(seen.Order(StringComparer.Ordinal).Distinct(), seen);
    }

    [Theory]
    [InlineData("nope", "", StatusCode.NotFound)]
    [InlineData("br", "MTpu", StatusCode.InvalidArgument)] // "1:n", a name's token
    public async Task ListEntries_WrongRequest_IsRefused(string name, string token, StatusCode code)
    {
        await using RunningService service = await RunningService.StartAsync();
        await BuildAsync(service);

        var error = await Assert.ThrowsAsync<RpcException>(async () => await service.Bridges.ListBridgeEntriesAsync(
            new ListBridgeEntriesRequest { Name = name, Page = new Page { Token = token } }));

        Assert.Equal(code, error.StatusCode);
    }

    [Fact]
    public async Task DataPlaneDies_AndBeginsWithNothing_DevicesComeBeforeTheirBridge()
    {
        await using RunningService service = await RunningService.StartAsync();
        await BuildAsync(service);
        int before = service.DataPlane.Commands.Count;
        ulong event0 = service.Events.LastSequence;

        service.DataPlane.Inventory.Clear();
        service.DataPlane.Die();
        await service.WaitReadyAsync(event0);

        Assert.Equal(
            [
                Kind.CreateUmem, Kind.BindXskSocket, Kind.CreateVhostDevice, Kind.CreateVhostDevice,
                Kind.CreateBridge,
            ],
            service.DataPlane.Commands.Skip(before).Select(c => c.CommandCase));
    }

    [Fact]
    public async Task Start_BesideRunningDevices_LearnsThemAndTheirBridge()
    {
        await using RunningService first = await RunningService.StartAsync();
        await BuildAsync(first);
        ulong event0 = first.Events.LastSequence;
        DesiredState desired = first.Get<DesiredState>();
        foreach (DesiredResource resource in desired.Bridges.Concat<DesiredResource>(desired.VhostDevices))
        {
            desired.Remove(resource);
        }

        first.DataPlane.Die();
        await first.WaitReadyAsync(event0);

        Assert.Equal(
            ("br", "v,w"),
            (desired.Bridges.Single().Name.Value, string.Join(',', desired.VhostDevices.Select(d => d.Name))));
        Assert.Equal("/run/nf/v.sock", desired.VhostDevices[0].SocketPath);
    }

    [Fact]
    public async Task GetStats_OfADeviceWithTwoPairs_TellsBothFromTheSegment()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateVhostAsync(change: s => s.QueuePairs = 2);
        await service.CreateVhostAsync("w");
        await service.Links.CreateLinkAsync(Requests.Link("l", Requests.Device("v"), Requests.Device("w")));
        VhostSegment.Fill(service.DataPlane.Segment, slot: 0, pair: 0);
        VhostSegment.Fill(service.DataPlane.Segment, slot: 1, pair: 1);

        Stats stats = (await service.Node.GetStatsAsync(new GetStatsRequest())).Stats;

        Assert.Equal([("v", 0u), ("v", 1u)], stats.Ports.Select(port => (port.VhostDevice, port.Queue)));
        PortStats read = stats.Ports[1];
        Assert.Equal(("", "started", "l", 10UL), (read.XskSocket, read.State, read.Link, read.RxPackets));
        Assert.Equal((3UL, 4UL, 5UL), (read.Vhost.KicksReceived, read.Vhost.CallsSent, read.Vhost.CallsSuppressed));
        Assert.Equal((6u, 7u), (read.Vhost.ToGuestPending, read.Vhost.FromGuestPending));
        Assert.Equal(16UL, stats.Links.Single().AToBPackets);
    }

    private static async Task BuildAsync(RunningService service)
    {
        await service.CreateUmemAsync();
        await service.BindAsync("a");
        await service.CreateVhostAsync("v");
        await service.CreateVhostAsync("w");
        await service.BridgeAsync("br", Requests.Device("v"), Requests.Device("w"), Requests.Sockets("a"));
    }
}
