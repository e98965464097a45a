using Google.Rpc;
using Grpc.Core;
using Nf.Linux;
using Nf.V1;
using Kind = Nf.Internal.V1.Command.CommandOneofCase;

namespace Nf.Service.Tests;

/// <summary>Resources through gRPC on a real socket, with a fake data plane behind.</summary>
public sealed class ResourceLifeTests
{
    [Fact]
    public async Task Create_Umem_AnswersSpecWithDefaultsAndStatus()
    {
        await using RunningService service = await RunningService.StartAsync();

        Umem umem = await service.CreateUmemAsync();
        GetUmemResponse read = await service.Umems.GetUmemAsync(new GetUmemRequest { Name = "u" });

        Assert.Equal((2048u, UmemState.Ready), (umem.Spec.ChunkSizeBytes, umem.Status.State));
        Assert.True(read.Umem.Status.Ledger.Closed);
    }

    [Fact]
    public async Task Create_EqualSpecManyTimesAtOnce_ReachesTheDataPlaneOnce()
    {
        await using RunningService service = await RunningService.StartAsync();

        Umem[] all = await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => service.CreateUmemAsync()));

        Assert.All(all, umem => Assert.Equal(UmemState.Ready, umem.Status.State));
        Assert.Single(service.DataPlane.Commands, c => c.CommandCase == Kind.CreateUmem);
    }

    [Fact]
    public async Task Create_OtherSpec_AlreadyExistsNamingTheDifference()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateUmemAsync();

        var error = await Assert.ThrowsAsync<RpcException>(
            () => service.CreateUmemAsync(change: s => s.SizeBytes = 2 << 20));

        Assert.Equal(StatusCode.AlreadyExists, error.StatusCode);
        Assert.Contains("spec.size_bytes is 1048576, asked for 2097152", error.Status.Detail);
    }

    [Fact]
    public async Task Create_ValidateOnly_CreatesNothing()
    {
        await using RunningService service = await RunningService.StartAsync();
        CreateUmemRequest request = Requests.Umem();
        request.ValidateOnly = true;

        CreateUmemResponse response = await service.Umems.CreateUmemAsync(request);

        Assert.Equal((2048u, null), (response.Umem.Spec.ChunkSizeBytes, response.Umem.Status));
        Assert.Empty(service.DataPlane.Commands);
    }

    [Fact]
    public async Task Create_WrongSpec_TellsEveryFieldInTheTrailer()
    {
        await using RunningService service = await RunningService.StartAsync();

        var error = await Assert.ThrowsAsync<RpcException>(() => service.CreateUmemAsync("U", s => s.SizeBytes = 5));

        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Equal(
            ["name", "spec.size_bytes"],
            error.Detail<BadRequest>().FieldViolations.Select(v => v.Field).Distinct());
    }

    [Fact]
    public async Task Create_FailsInTheDataPlane_LeavesNothingDesired()
    {
        await using RunningService service = await RunningService.StartAsync();
        service.DataPlane.OnCommand = c => c.CommandCase == Kind.CreateUmem
            ? [FakeInventory.Fault("MEMORY_EXHAUSTED", Errno.ENOMEM, "mmap")]
            : null;

        var error = await Assert.ThrowsAsync<RpcException>(() => service.CreateUmemAsync());
        service.DataPlane.OnCommand = null;

        Assert.Equal((StatusCode.ResourceExhausted, "MEMORY_EXHAUSTED"), (error.StatusCode, error.Reason()));
        Assert.Empty(service.Get<DesiredState>().Umems);
        await service.CreateUmemAsync();
    }

    [Fact]
    public async Task Create_BeyondQuota_IsResourceExhausted()
    {
        var quotas = new Dictionary<string, ulong> { ["default"] = 1 << 20 };
        await using RunningService service = await RunningService.StartAsync(quotas: quotas);
        await service.CreateUmemAsync();

        var error = await Assert.ThrowsAsync<RpcException>(() => service.CreateUmemAsync("v"));

        Assert.Equal((StatusCode.ResourceExhausted, "QUOTA_EXCEEDED"), (error.StatusCode, error.Reason()));
    }

    [Theory]
    [InlineData("QUEUE_TAKEN", Errno.EBUSY)]
    [InlineData("MEMLOCK_EXCEEDED", Errno.ENOBUFS)]
    public async Task Bind_WhatWasReleasedIsStillInTheWay_TriesUntilItIsGone(string reason, Errno errno)
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateUmemAsync();
        int refusals = 3;
        service.DataPlane.OnCommand = c => c.CommandCase == Kind.BindXskSocket && refusals-- > 0
            ? [FakeInventory.Fault(reason, errno, "bind")]
            : null;

        XskSocket socket = await service.BindAsync("s");

        Assert.Equal(XskState.Bound, socket.Status.State);
        Assert.Equal(4, service.DataPlane.Commands.Count(c => c.CommandCase == Kind.BindXskSocket));
    }

    [Fact]
    public async Task Bind_QueueTakenForGood_IsFailedPreconditionInTheEnd()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateUmemAsync();
        service.DataPlane.OnCommand = c => c.CommandCase == Kind.BindXskSocket
            ? [FakeInventory.Fault("QUEUE_TAKEN", Errno.EBUSY, "bind")]
            : null;

        var error = await Assert.ThrowsAsync<RpcException>(() => service.BindAsync("s"));

        Assert.Equal((StatusCode.FailedPrecondition, "QUEUE_TAKEN"), (error.StatusCode, error.Reason()));
    }

    [Fact]
    public async Task Delete_WhileUsed_NamesTheUsers()
    {
        await using RunningService service = await RunningService.StartAsync();
        await BuildAsync(service);

        var error = await Assert.ThrowsAsync<RpcException>(
            async () => await service.Umems.DeleteUmemAsync(new DeleteUmemRequest { Name = "u" }));

        Assert.Equal(StatusCode.FailedPrecondition, error.StatusCode);
        Assert.Equal(
            ["xsk_socket:a", "xsk_socket:b"], error.Detail<PreconditionFailure>().Violations.Select(v => v.Subject));
    }

    [Fact]
    public async Task Delete_Forced_DeletesLinksThenSocketsThenTheUmem()
    {
        await using RunningService service = await RunningService.StartAsync();
        await BuildAsync(service);
        int before = service.DataPlane.Commands.Count;

        await service.Umems.DeleteUmemAsync(new DeleteUmemRequest { Name = "u", Force = true });

        Assert.Equal(
            [Kind.DeleteLink, Kind.UnbindXskSocket, Kind.UnbindXskSocket, Kind.DeleteUmem],
            service.DataPlane.Commands.Skip(before).Select(c => c.CommandCase));
        Assert.Empty(service.DataPlane.Inventory.Names);
    }

    [Fact]
    public async Task Delete_RefusedByTheDataPlane_StaysDesired()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateUmemAsync();
        service.DataPlane.OnCommand = c => c.CommandCase == Kind.DeleteUmem
            ? [FakeInventory.Fault("IN_USE", Errno.EBUSY)]
            : null;

        await Assert.ThrowsAsync<RpcException>(
            async () => await service.Umems.DeleteUmemAsync(new DeleteUmemRequest { Name = "u" }));

        Assert.Single(service.Get<DesiredState>().Umems);
    }

    [Fact]
    public async Task Delete_UmemOfSocketsThatAreStillReleased_WaitsForThem()
    {
        await using RunningService service = await RunningService.StartAsync();
        await BuildAsync(service);
        int refusals = 2;
        service.DataPlane.OnCommand = c => c.CommandCase == Kind.DeleteUmem && refusals-- > 0
            ? [FakeInventory.Fault("IN_USE", Errno.EBUSY)]
            : null;

        await service.Umems.DeleteUmemAsync(new DeleteUmemRequest { Name = "u", Force = true });

        Assert.Empty(service.DataPlane.Inventory.Names);
    }

    [Fact]
    public async Task Get_UnknownName_IsNotFound()
    {
        await using RunningService service = await RunningService.StartAsync();

        var error = await Assert.ThrowsAsync<RpcException>(
            async () => await service.Links.GetLinkAsync(new GetLinkRequest { Name = "l" }));

        Assert.Equal((StatusCode.NotFound, "UNKNOWN_RESOURCE"), (error.StatusCode, error.Reason()));
    }

    [Fact]
    public async Task List_InPages_GivesEachOnce()
    {
        await using RunningService service = await RunningService.StartAsync();
        await Task.WhenAll("edcba".Select(c => service.CreateUmemAsync($"{c}")));

        var names = new List<string>();
        var request = new ListUmemsRequest { Page = new Page { Size = 2 } };
        do
        {
            ListUmemsResponse page = await service.Umems.ListUmemsAsync(request);
            names.AddRange(page.Umems.Select(u => u.Name));
            request.Page.Token = page.NextPageToken;
        }
        while (request.Page.Token.Length > 0);

        Assert.Equal(["a", "b", "c", "d", "e"], names);
    }

    [Fact]
    public async Task Link_SocketInAnotherLink_IsFailedPrecondition()
    {
        await using RunningService service = await RunningService.StartAsync();
        await BuildAsync(service);

        var error = await Assert.ThrowsAsync<RpcException>(() => service.LinkAsync("m", "a", "b"));

        Assert.Equal((StatusCode.FailedPrecondition, "SOCKET_IN_LINK"), (error.StatusCode, error.Reason()));
    }

    private static async Task BuildAsync(RunningService service)
    {
        await service.CreateUmemAsync();
        await service.BindAsync("a");
        await service.BindAsync("b", queue: 1);
        await service.LinkAsync("l", "a", "b");
    }
}
