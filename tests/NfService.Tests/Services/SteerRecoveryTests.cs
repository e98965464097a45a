using Nf.Linux;
using Nf.V1;
using Kind = Nf.Internal.V1.Command.CommandOneofCase;

namespace Nf.Service.Tests;

/// <summary>Cpumaps and steerings when the data plane or this service goes and comes again.</summary>
public sealed class SteerRecoveryTests
{
    [Fact]
    public async Task DataPlaneDies_AndBeginsWithNothing_EverythingIsReplayedInOrderOfUse()
    {
        await using RunningService service = await RunningService.StartAsync();
        await BuildAsync(service);
        Steering ran = service.DataPlane.Inventory.SteeringOf("s");
        CpumapProgram program = service.DataPlane.Inventory.ProgramOf("p");
        int before = service.DataPlane.Commands.Count;

        await DieAsync(service, clear: true);

        Assert.Equal(
            [
                Kind.CreateVhostDevice, Kind.CreateVhostDevice, Kind.LoadCpumapProgram, Kind.CreateCpumap,
                Kind.CreateCpumap, Kind.UpdateCpumapEntry, Kind.UpdateCpumapEntry, Kind.CreateLink, Kind.SetSteering,
            ],
            service.DataPlane.Commands.Skip(before).Select(c => c.CommandCase));
        Assert.Equal(program, service.DataPlane.Inventory.ProgramOf("p"));
        Assert.Equal(ran.Spec, service.DataPlane.Inventory.SteeringOf("s").Spec);
        Assert.Contains("entry:k/1", service.DataPlane.Inventory.Names);
    }

    [Fact]
    public async Task DataPlaneDies_AndAdopts_NothingIsReplayed()
    {
        await using RunningService service = await RunningService.StartAsync();
        await BuildAsync(service);
        int before = service.DataPlane.Commands.Count;

        await DieAsync(service, clear: false);

        Assert.Equal(before, service.DataPlane.Commands.Count);
    }

    [Fact]
    public async Task DataPlaneDies_AndAdoptsWithoutAnEntry_OnlyThatIsReplayed()
    {
        await using RunningService service = await RunningService.StartAsync();
        await BuildAsync(service);
        int before = service.DataPlane.Commands.Count;
        service.DataPlane.Inventory.RemoveEntry("k", 1);

        await DieAsync(service, clear: false);

        Assert.Equal(Kind.UpdateCpumapEntry, service.DataPlane.Commands.Skip(before).Single().CommandCase);
        Assert.Contains("entry:k/1", service.DataPlane.Inventory.Names);
    }

    [Fact]
    public async Task Replay_OfAnEntryThatFails_IsToldAndTheEntryStaysDesired()
    {
        await using RunningService service = await RunningService.StartAsync();
        await BuildAsync(service);
        ulong event0 = service.Events.LastSequence;
        service.DataPlane.OnCommand = c => c.CommandCase == Kind.UpdateCpumapEntry
            ? [FakeInventory.Fault("CPU_OFFLINE", Errno.ENODEV)]
            : null;

        await DieAsync(service, clear: true);

        Event told = await service.WaitEventAsync(e => e.Kind == EventKind.Fault, event0);
        Assert.Equal(("cpumap", "CPU_OFFLINE"), (told.ResourceType, told.Attributes["reason"]));
        Assert.Equal([1u], service.Get<DesiredState>().FindCpumap(ResourceName.Parse("k"))!.Entries.Keys);
    }

    [Fact]
    public async Task Start_BesideARunningDataPlane_LearnsWhatRuns()
    {
        var dataPlane = new FakeDataPlane();
        await using (RunningService first = await RunningService.StartAsync(dataPlane))
        {
            await BuildAsync(first);
        }

        int before = dataPlane.Commands.Count;
        await using RunningService service = await RunningService.StartAsync(dataPlane);

        await service.CreateCpumapAsync("k");
        await service.Cpumaps.LoadCpumapProgramAsync(Requests.Elf("p", 100_000));
        GetSteeringResponse steering = await service.Steerings.GetSteeringAsync(new GetSteeringRequest { Name = "s" });
        Assert.Equal(before, dataPlane.Commands.Count);
        Assert.Equal(10_000, steering.Steering.Spec.Rules.Single().Action.Cpumap.Selection.Prefixes.Count);
        DesiredState desired = service.Get<DesiredState>();
        Assert.Equal("p", desired.FindCpumap(ResourceName.Parse("k"))!.Entries[1].Program.Loaded);
        Assert.Equal(100_000, desired.CpumapPrograms.Single().ToCommand().Spec.Elf.File.Length);
    }

    private static async Task DieAsync(RunningService service, bool clear)
    {
        ulong event0 = service.Events.LastSequence;
        if (clear)
        {
            service.DataPlane.Inventory.Clear();
        }

        service.DataPlane.Die();
        await service.WaitReadyAsync(event0);
    }

    private static async Task BuildAsync(RunningService service)
    {
        await service.CreateVhostAsync("v");
        await service.CreateVhostAsync("w");
        await service.CreateCpumapAsync("k");
        await service.CreateCpumapAsync("u", s => s.Backend = CpumapBackend.Userspace);
        await service.Cpumaps.LoadCpumapProgramAsync(Requests.Elf("p", 100_000));
        await service.SetEntryAsync("k", 1, r => r.Entry.Program = new() { Loaded = "p" });
        await service.SetEntryAsync("u", 0);
        V1.Endpoint spread = Requests.Device("v");
        spread.Cpumap = new EndpointCpumap { Cpumap = "u" };
        await service.Links.CreateLinkAsync(Requests.Link("l", spread, Requests.Device("w")));
        await service.SteerAsync("s", Requests.ToCpumap("k", Requests.Prefixes(10_000)));
    }
}
