using Google.Protobuf;
using Google.Protobuf.Collections;
using Grpc.Core;
using Nf.Linux;
using Nf.V1;
using Kind = Nf.Internal.V1.Command.CommandOneofCase;

namespace Nf.Service.Tests;

/// <summary>Steerings over real gRPC in front of a fake data plane.</summary>
public sealed class SteeringLifeTests
{
    private static readonly SteeringRule Drop = new() { Action = new SteeringAction { Drop = new ToNowhere() } };

    [Fact]
    public async Task Set_Again_ReplacesTheRules()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.SteerAsync("s", Drop);

        Steering second = await service.SteerAsync("s", Drop, Drop);

        Assert.Equal((2ul, 2), (second.Status.Revision, second.Spec.Rules.Count));
        Assert.Equal(["steering:s"], service.DataPlane.Inventory.Names);
        await service.WaitEventAsync(e => e is { Kind: EventKind.Created, ResourceType: "steering" });
        Event told = await service.WaitEventAsync(e => e is { Kind: EventKind.StateChanged, ResourceName: "s" });
        Assert.Contains("2 rules set, revision 2", told.Message);
    }

    [Fact]
    public async Task Set_LargeTable_ReachesTheDataPlaneWholeAndComesBackOnlyWhenAskedFor()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateCpumapAsync();
        const int Count = 100_000;

        Steering set = await service.SteerAsync("s", Requests.ToCpumap("m", Requests.Prefixes(Count)));
        GetSteeringResponse got = await service.Steerings.GetSteeringAsync(new GetSteeringRequest { Name = "s" });
        ListSteeringsResponse listed = await service.Steerings.ListSteeringsAsync(new ListSteeringsRequest());

        Assert.Equal(Requests.Prefixes(Count).Prefixes, PrefixesOf(service.DataPlane.Inventory.SteeringOf("s")));
        Assert.Equal(Count, PrefixesOf(got.Steering).Count);
        Assert.Empty(PrefixesOf(set));
        Assert.Empty(PrefixesOf(listed.Steerings.Single()));
        Assert.Equal((uint)Count, set.Status.Rules.Single().Prefixes);
    }

    [Fact]
    public async Task Set_ThatFails_LeavesTheOldRulesDesired()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateCpumapAsync();
        await service.SteerAsync("s", Requests.ToCpumap("m"));
        service.DataPlane.OnCommand = c => c.CommandCase == Kind.SetSteering
            ? [FakeInventory.Fault("TOO_COMPLEX", Errno.E2BIG)]
            : null;

        var replaced = await Assert.ThrowsAsync<RpcException>(() => service.SteerAsync("s", Drop));
        await Assert.ThrowsAsync<RpcException>(() => service.Steerings.SetSteeringAsync(
            new SetSteeringRequest { Name = "t", Spec = new SteeringSpec { Interface = "veth1" } }).ResponseAsync);

        Assert.Equal(StatusCode.OutOfRange, replaced.StatusCode);
        DesiredSteering kept = Assert.Single(service.Get<DesiredState>().Steerings);
        Assert.Equal("m", Assert.Single(kept.Cpumaps).Cpumap);
    }

    [Fact]
    public async Task Set_OneInterfaceTwice_IsRefused()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.SteerAsync("s");

        var taken = await Assert.ThrowsAsync<RpcException>(() => service.SteerAsync("t"));
        SetSteeringRequest moved = Requests.Steering("s");
        moved.Spec.Interface = "veth1";
        var other = await Assert.ThrowsAsync<RpcException>(
            async () => await service.Steerings.SetSteeringAsync(moved));
        SetSteeringRequest elsewhere = Requests.Steering("t");
        elsewhere.Spec.NetworkNamespace = new V1.NetworkNamespace { Path = "/run/netns/b" };
        await service.Steerings.SetSteeringAsync(elsewhere);

        Assert.Equal((StatusCode.AlreadyExists, StatusCode.AlreadyExists), (taken.StatusCode, other.StatusCode));
        Assert.Contains("\"veth0\", asked for \"veth1\"", other.Status.Detail);
    }

    [Fact]
    public async Task Set_OverCpumapsThatDoNotFit_NamesThem()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateCpumapAsync("u", s => s.Backend = CpumapBackend.Userspace);
        SetSteeringRequest request = Requests.Steering("s", Requests.ToCpumap("u"));
        request.Spec.DefaultAction = Requests.ToCpumap("u").Action;

        var unfit = await Assert.ThrowsAsync<RpcException>(
            async () => await service.Steerings.SetSteeringAsync(request));
        var unknown = await Assert.ThrowsAsync<RpcException>(
            () => service.SteerAsync("s", Requests.ToCpumap("nobody")));

        Assert.Equal(
            ["spec.rules[0].action.cpumap.cpumap", "spec.default_action.cpumap.cpumap"],
            unfit.Detail<Google.Rpc.BadRequest>().FieldViolations.Select(v => v.Field));
        Assert.Equal((StatusCode.NotFound, "UNKNOWN_RESOURCE"), (unknown.StatusCode, unknown.Reason()));
        Assert.Empty(service.Get<DesiredState>().Steerings);
    }

    [Fact]
    public async Task Set_ValidateOnly_AsksTheDataPlaneAndLeavesNothing()
    {
        await using RunningService service = await RunningService.StartAsync();
        SetSteeringRequest request = Requests.Steering("s", Drop);
        request.ValidateOnly = true;

        SetSteeringResponse answer = await service.Steerings.SetSteeringAsync(request);

        Assert.Null(answer.Steering.Status);
        Assert.True(service.DataPlane.Commands.Single().SetSteering.ValidateOnly);
        Assert.Empty(service.Get<DesiredState>().Steerings);
        Assert.Empty((await service.Steerings.ListSteeringsAsync(new ListSteeringsRequest())).Steerings);
    }

    [Fact]
    public async Task Test_Packets_HaveAVerdictEach()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.SteerAsync("s");
        ByteString[] packets = [ByteString.CopyFrom(new byte[14]), ByteString.CopyFrom(new byte[60])];

        TestSteeringResponse answer = await service.Steerings.TestSteeringAsync(
            new TestSteeringRequest { Name = "s", Packets = { packets }, Queue = 3 });
        var faults = await Assert.ThrowsAsync<RpcException>(async () => await service.Steerings.TestSteeringAsync(
            new TestSteeringRequest { Name = "S", Packets = { ByteString.CopyFrom(new byte[13]) }, Queue = 65_536 }));
        var unknown = await Assert.ThrowsAsync<RpcException>(async () => await service.Steerings.TestSteeringAsync(
            new TestSteeringRequest { Name = "t", Packets = { packets } }));

        Assert.Equal(["14", "60"], answer.Verdicts.Select(verdict => verdict.Rule));
        Assert.Equal(3u, service.DataPlane.Commands[^1].TestSteering.Queue);
        Assert.Equal(
            ["name", "packets[0]", "queue"],
            faults.Detail<Google.Rpc.BadRequest>().FieldViolations.Select(v => v.Field));
        Assert.Equal(StatusCode.NotFound, unknown.StatusCode);
    }

    private static RepeatedField<CpuPrefix> PrefixesOf(Steering steering) =>
        steering.Spec.Rules.Single().Action.Cpumap.Selection.Prefixes;
}
