using System.Diagnostics;
using System.Runtime.CompilerServices;
using Google.Rpc;
using Grpc.Core;
using Nf.Linux;
using Nf.V1;
using Kind = Nf.Internal.V1.Command.CommandOneofCase;

namespace Nf.Service.Tests;

/// <summary>The data plane or this service goes and comes again.</summary>
public sealed class RecoveryTests
{
    [Fact]
    public async Task Start_BesideARunningDataPlane_LearnsWhatRuns()
    {
        var dataPlane = new FakeDataPlane();
        CreateUmemRequest request = Requests.Umem("old");
        request.Labels["pod"] = "p";
        dataPlane.Inventory.Add(DesiredUmem.From(request).ToProto());

        await using RunningService service = await RunningService.StartAsync(dataPlane);

        ListUmemsResponse list = await service.Umems.ListUmemsAsync(new ListUmemsRequest());
        Assert.Equal(("old", "p"), (list.Umems.Single().Name, list.Umems.Single().Labels["pod"]));
        await service.Umems.CreateUmemAsync(request);
        Assert.DoesNotContain(dataPlane.Commands, c => c.CommandCase is Kind.CreateUmem or Kind.DeleteUmem);
    }

    [Fact]
    public async Task DataPlaneDies_AndBeginsWithNothing_EverythingIsReplayedInOrder()
    {
        await using RunningService service = await RunningService.StartAsync();
        await BuildAsync(service);
        int before = service.DataPlane.Commands.Count;
        ulong event0 = service.Events.LastSequence;

        service.DataPlane.Inventory.Clear();
        service.DataPlane.Die();
        await service.WaitReadyAsync(event0);

        Assert.Equal(
            [Kind.CreateUmem, Kind.BindXskSocket, Kind.BindXskSocket, Kind.CreateLink],
            service.DataPlane.Commands.Skip(before).Select(c => c.CommandCase));
        await service.WaitEventAsync(e => e is { Kind: EventKind.Replayed, ResourceName: "l" }, event0);
    }

    [Fact]
    public async Task DataPlaneDies_AndAdopts_NothingIsReplayed()
    {
        await using RunningService service = await RunningService.StartAsync();
        await BuildAsync(service);
        int before = service.DataPlane.Commands.Count;
        ulong event0 = service.Events.LastSequence;

        service.DataPlane.Die();
        await service.WaitReadyAsync(event0);

        Assert.Equal(before, service.DataPlane.Commands.Count);
        Assert.Equal(4, service.DataPlane.Inventory.Names.Count);
        await service.WaitEventAsync(e => e.Kind == EventKind.DataPlaneDown, event0);
    }

    [Fact]
    public async Task DataPlaneDies_MidCreateThatHappened_IsLearned()
    {
        var dataPlane = new FakeDataPlane();
        await using RunningService service = await RunningService.StartAsync(dataPlane);
        ulong event0 = service.Events.LastSequence;
        dataPlane.DiesOf = c =>
        {
            dataPlane.DiesOf = null;
            dataPlane.Inventory.Answer(c);
            return true;
        };

        var error = await Assert.ThrowsAsync<RpcException>(() => service.CreateUmemAsync());
        await service.WaitReadyAsync(event0);

        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
        Assert.NotNull(error.Detail<RetryInfo>().RetryDelay);
        Umem again = await service.CreateUmemAsync();
        Assert.Equal(UmemState.Ready, again.Status.State);
    }

    [Fact]
    public async Task DataPlaneDies_MidDeleteThatHappened_IsNotReplayed()
    {
        var dataPlane = new FakeDataPlane();
        await using RunningService service = await RunningService.StartAsync(dataPlane);
        await service.CreateUmemAsync();
        ulong event0 = service.Events.LastSequence;
        dataPlane.DiesOf = c =>
        {
            dataPlane.DiesOf = null;
            dataPlane.Inventory.Answer(c);
            return true;
        };

        await Assert.ThrowsAsync<RpcException>(
            async () => await service.Umems.DeleteUmemAsync(new DeleteUmemRequest { Name = "u" }));
        await service.WaitReadyAsync(event0);

        Assert.Empty(dataPlane.Inventory.Names);
    }

    [Fact]
    public async Task Create_AnsweredTooLate_IsLearnedAfterwards()
    {
        var release = new TaskCompletionSource();
        await using RunningService service = await RunningService.StartAsync();
        service.DataPlane.OnCommand = c =>
        {
            if (c.CommandCase == Kind.CreateUmem)
            {
                FakeDataPlane.Hold(release.Task);
            }

            return null;
        };

        var error = await Assert.ThrowsAsync<RpcException>(async () => await service.Umems.CreateUmemAsync(
            Requests.Umem(), deadline: DateTime.UtcNow.AddMilliseconds(300)));
        release.SetResult();

        Assert.Equal(StatusCode.DeadlineExceeded, error.StatusCode);
        DesiredState desired = service.Get<DesiredState>();
        await WaitAsync(() => desired.Umems.Count == 1);
    }

    [Fact]
    public async Task Replay_ThatFails_IsTold()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateUmemAsync();
        ulong event0 = service.Events.LastSequence;
        service.DataPlane.OnCommand = c => c.CommandCase == Kind.CreateUmem
            ? [FakeInventory.Fault("MEMORY_EXHAUSTED", Errno.ENOMEM)]
            : null;

        service.DataPlane.Inventory.Clear();
        service.DataPlane.Die();

        Event told = await service.WaitEventAsync(e => e.Kind == EventKind.Fault, event0);
        Assert.Equal(("u", "MEMORY_EXHAUSTED"), (told.ResourceName, told.Attributes["reason"]));
        Assert.Single(service.Get<DesiredState>().Umems);
    }

    [Fact]
    public async Task Garbage_FromTheDataPlane_CostsTheConnectionOnly()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateUmemAsync();
        ulong event0 = service.Events.LastSequence;

        service.DataPlane.SendRaw([0xff, 0xff, 0xff]);
        await service.WaitReadyAsync(event0);

        Event down = await service.WaitEventAsync(e => e.Kind == EventKind.DataPlaneDown, event0);
        Assert.Contains("broke the protocol", down.Message);
        await service.CreateUmemAsync();
    }

    private static async Task BuildAsync(RunningService service)
    {
        await service.CreateUmemAsync();
        await service.BindAsync("a");
        await service.BindAsync("b", queue: 1);
        await service.LinkAsync("l", "a", "b");
    }

    // For what no event tells.
    private static async Task WaitAsync(
        Func<bool> holds, [CallerArgumentExpression(nameof(holds))] string what = "")
    {
        long start = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (!holds())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Deadline.Patience, $"it never became true that {what}");
            await timer.WaitForNextTickAsync();
        }
    }
}
