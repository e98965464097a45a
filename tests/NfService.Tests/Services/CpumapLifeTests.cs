using Grpc.Core;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;
using Kind = Nf.Internal.V1.Command.CommandOneofCase;

namespace Nf.Service.Tests;

/// <summary>Cpumaps, their entries and programs, over real gRPC in front of a fake data plane.</summary>
public sealed class CpumapLifeTests
{
    // What is wrong, how it is asked for, the status, the reason and the errno: in the kernel's order, so that a
    // request with everything wrong meets the first.
    public static TheoryData<string, Action<UpdateCpumapEntryRequest>, StatusCode, string, string> Refusals { get; } =
        new()
        {
            {
                "flags, and all below", All(r => r.Mode = (CpumapUpdateMode)9),
                StatusCode.InvalidArgument, "INVALID_SPEC", "EINVAL"
            },
            { "range, and all below", All(_ => { }), StatusCode.OutOfRange, "CPU_OUT_OF_RANGE", "E2BIG" },
            { "exists, and all below", All(r => r.Entry.Cpu = 1), StatusCode.AlreadyExists, "ENTRY_EXISTS", "EEXIST" },
            {
                "is not there, and all below", All(r => (r.Entry.Cpu, r.Mode) = (2, CpumapUpdateMode.Exist)),
                StatusCode.NotFound, "UNKNOWN_ENTRY", "ENOENT"
            },
            {
                "queue size, and the program", All(r => r.Entry.Cpu = 2),
                StatusCode.OutOfRange, "QUEUE_TOO_LARGE", "EOVERFLOW"
            },
            {
                "program", All(r => (r.Entry.Cpu, r.Entry.QueueSize) = (2, 8)),
                StatusCode.NotFound, "UNKNOWN_RESOURCE", "ENOENT"
            },
        };

    [Fact]
    public async Task Create_Again_IsIdempotentForAnEqualSpecOnly()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateCpumapAsync("m", s => s.MaxEntries = 4);
        await service.SetEntryAsync("m", 1);

        Cpumap again = await service.CreateCpumapAsync("m", s => s.MaxEntries = 4);
        var error = await Assert.ThrowsAsync<RpcException>(() => service.CreateCpumapAsync("m", s => s.MaxEntries = 2));

        Assert.Equal(1u, Assert.Single(again.Status.Entries).Cpu);
        Assert.Equal((StatusCode.AlreadyExists, "NAME_TAKEN"), (error.StatusCode, error.Reason()));
        Assert.Single(service.DataPlane.Commands, c => c.CommandCase == Kind.CreateCpumap);
    }

    [Fact]
    public async Task Create_NumberOfEntriesLeftOpen_IsWhatTheDataPlaneChoseFromThenOn()
    {
        await using RunningService service = await RunningService.StartAsync();

        Cpumap made = await service.CreateCpumapAsync();
        ulong event0 = service.Events.LastSequence;
        service.DataPlane.Die();
        await service.WaitReadyAsync(event0);
        Cpumap again = await service.CreateCpumapAsync();
        var error = await Assert.ThrowsAsync<RpcException>(
            () => service.CreateCpumapAsync(change: s => s.MaxEntries = 7));

        Assert.Equal((FakeInventory.CpuCount, made.Spec), (made.Spec.MaxEntries, again.Spec));
        Assert.Equal("NAME_TAKEN", error.Reason());
    }

    [Fact]
    public async Task UpdateEntry_Again_ReplacesItAndSaysThatTheOldOneDrains()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateCpumapAsync();

        UpdateCpumapEntryResponse first = await service.Cpumaps.UpdateCpumapEntryAsync(Requests.Entry("m", 1));
        UpdateCpumapEntryResponse second = await service.Cpumaps.UpdateCpumapEntryAsync(
            Requests.Entry("m", 1, r => r.DrainTimeout = new() { Nanos = 250_000_000 }));

        Assert.False(first.Draining);
        Assert.True(second.Draining);
        uint[] waits = [.. service.DataPlane.Commands.Where(c => c.CommandCase == Kind.UpdateCpumapEntry)
            .Select(c => c.UpdateCpumapEntry.DrainTimeoutMs)];
        Assert.Equal([5000u, 250u], waits);
        Event told = await service.WaitEventAsync(e => e is { Kind: EventKind.StateChanged, ResourceType: "cpumap" });
        Assert.Contains("entry of CPU 1 set: a queue of 192", told.Message);
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task UpdateEntry_Wrong_IsRefusedAndTheEntryStaysAsItWas(
        string why, Action<UpdateCpumapEntryRequest> change, StatusCode status, string reason, string errno)
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateCpumapAsync();
        await service.SetEntryAsync("m", 1);

        var error = await Assert.ThrowsAsync<RpcException>(() => service.SetEntryAsync("m", 99, change));

        Assert.True(
            (status, reason, errno)
                == (error.StatusCode, error.Reason(), error.Detail<Google.Rpc.ErrorInfo>().Metadata["errno"]),
            $"{why}: {error.StatusCode} {error.Reason()}");
        DesiredCpumap desired = service.Get<DesiredState>().FindCpumap(ResourceName.Parse("m"))!;
        Assert.Equal([1u], desired.Entries.Keys);
        Assert.Equal(192u, desired.Entries[1].QueueSize);
    }

    [Fact]
    public async Task UpdateEntry_WithAQueueOfNothing_RemovesIt()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateCpumapAsync();
        await service.SetEntryAsync("m", 1);

        CpumapEntry entry = await service.SetEntryAsync("m", 1, r => r.Entry.QueueSize = 0);

        Assert.Null(entry);
        Assert.Equal(["cpumap:m"], service.DataPlane.Inventory.Names);
        Assert.Empty(service.Get<DesiredState>().FindCpumap(ResourceName.Parse("m"))!.Entries);
    }

    [Fact]
    public async Task DeleteEntry_ThatIsNotThere_IsDone()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateCpumapAsync();
        await service.SetEntryAsync("m", 1);

        await service.Cpumaps.DeleteCpumapEntryAsync(new DeleteCpumapEntryRequest { Cpumap = "m", Cpu = 1 });
        await service.Cpumaps.DeleteCpumapEntryAsync(new DeleteCpumapEntryRequest { Cpumap = "m", Cpu = 1 });
        var error = await Assert.ThrowsAsync<RpcException>(async () => await service.Cpumaps.DeleteCpumapEntryAsync(
            new DeleteCpumapEntryRequest { Cpumap = "m", Cpu = 99 }));

        Assert.Equal(["cpumap:m"], service.DataPlane.Inventory.Names);
        Assert.Equal(StatusCode.OutOfRange, error.StatusCode);
    }

    [Fact]
    public async Task Delete_OfWhatASteeringOrALinkUses_IsRefused()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateCpumapAsync("k");
        await service.CreateCpumapAsync("u", s => s.Backend = CpumapBackend.Userspace);
        await service.SteerAsync("s", Requests.ToCpumap("k"));
        await service.CreateVhostAsync("v");
        await service.CreateVhostAsync("w");
        V1.Endpoint spread = Requests.Device("v");
        spread.Cpumap = new EndpointCpumap { Cpumap = "u" };
        await service.Links.CreateLinkAsync(Requests.Link("l", spread, Requests.Device("w")));

        foreach ((string cpumap, string user) in new[] { ("k", "steering:s"), ("u", "link:l") })
        {
            var error = await Assert.ThrowsAsync<RpcException>(async () => await service.Cpumaps.DeleteCpumapAsync(
                new DeleteCpumapRequest { Name = cpumap }));
            Assert.Equal((StatusCode.FailedPrecondition, "IN_USE"), (error.StatusCode, error.Reason()));
            Assert.Equal(user, error.Detail<Google.Rpc.PreconditionFailure>().Violations.Single().Subject);
        }

        await service.Steerings.DeleteSteeringAsync(new DeleteSteeringRequest { Name = "s" });
        await service.Cpumaps.DeleteCpumapAsync(new DeleteCpumapRequest { Name = "k" });
    }

    [Fact]
    public async Task Unload_OfWhatAnEntryRuns_IsRefused()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateCpumapAsync();
        LoadCpumapProgramResponse loaded = await service.Cpumaps.LoadCpumapProgramAsync(Requests.Elf("p"));
        await service.Cpumaps.LoadCpumapProgramAsync(Requests.Elf("p"));
        await service.SetEntryAsync("m", 1, r => r.Entry.Program = new() { Loaded = "p" });

        var error = await Assert.ThrowsAsync<RpcException>(async () => await service.Cpumaps.UnloadCpumapProgramAsync(
            new UnloadCpumapProgramRequest { Name = "p" }));
        await service.SetEntryAsync("m", 1);
        await service.Cpumaps.UnloadCpumapProgramAsync(new UnloadCpumapProgramRequest { Name = "p" });

        Assert.True(loaded.Program.Spec.Elf.File.IsEmpty);
        Assert.Equal("IN_USE", error.Reason());
        Assert.Equal("cpumap_entry:m/1", error.Detail<Google.Rpc.PreconditionFailure>().Violations.Single().Subject);
    }

    [Fact]
    public async Task Load_ALargeFile_ReachesTheDataPlaneWhole()
    {
        await using RunningService service = await RunningService.StartAsync();
        LoadCpumapProgramRequest request = Requests.Elf("p", DesiredCpumapProgram.ElfBytesMax);

        await service.Cpumaps.LoadCpumapProgramAsync(request);
        ListCpumapProgramsResponse list =
            await service.Cpumaps.ListCpumapProgramsAsync(new ListCpumapProgramsRequest());

        Assert.Equal(request.Spec.Elf.File, service.DataPlane.Inventory.ProgramOf("p").Spec.Elf.File);
        Assert.True(list.Programs.Single().Spec.Elf.File.IsEmpty);
        Assert.Equal(99u, list.Programs.Single().Status.ProgramId);
    }

    [Fact]
    public async Task Load_ThatTheVerifierRefuses_TellsTheEndOfItsLog()
    {
        await using RunningService service = await RunningService.StartAsync();
        string log = new string('x', 10_000) + "\nR0 !read_ok";
        service.DataPlane.OnCommand = c => c.CommandCase != Kind.LoadCpumapProgram ? null :
        [
            new Reply
            {
                Fault = new Fault
                {
                    Message = "the verifier refuses it",
                    Errno = (int)Errno.EINVAL,
                    Reason = "PROGRAM_REFUSED",
                    Fields = { new FieldFault { Field = "spec.elf.file", Description = log } },
                },
            },
        ];

        var error = await Assert.ThrowsAsync<RpcException>(
            async () => await service.Cpumaps.LoadCpumapProgramAsync(Requests.Elf("p")));

        Assert.Equal((StatusCode.InvalidArgument, "PROGRAM_REFUSED"), (error.StatusCode, error.Reason()));
        Google.Rpc.BadRequest.Types.FieldViolation violation =
            error.Detail<Google.Rpc.BadRequest>().FieldViolations.Single();
        Assert.Equal("spec.elf.file", violation.Field);
        Assert.EndsWith("R0 !read_ok", violation.Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unbind_OfWhatAnEntryRedirectsTo_IsRefusedEvenWhenForcedAndTheLinkStays()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateVhostAsync("v");
        await service.CreateVhostAsync("w");
        await service.Links.CreateLinkAsync(Requests.Link("l", Requests.Device("v"), Requests.Device("w")));
        await service.CreateCpumapAsync("u", s => s.Backend = CpumapBackend.Userspace);
        await service.SetEntryAsync("u", 1, r => r.Entry.Program = new()
        {
            Builtin = BuiltinCpumapProgram.Redirect,
            Redirect = new RedirectTarget { VhostDevice = "v" },
        });

        var request = new DeleteVhostDeviceRequest { Name = "v", Force = true };
        var error = await Assert.ThrowsAsync<RpcException>(
            async () => await service.VhostDevices.DeleteVhostDeviceAsync(request));

        Assert.Equal("cpumap_entry:u/1", error.Detail<Google.Rpc.PreconditionFailure>().Violations.Single().Subject);
        Assert.Contains("link:l", service.DataPlane.Inventory.Names);
    }

    [Fact]
    public async Task Create_LinkOverAKernelCpumap_IsRefused()
    {
        await using RunningService service = await RunningService.StartAsync();
        await service.CreateVhostAsync("v");
        await service.CreateCpumapAsync("k");
        V1.Endpoint spread = Requests.Device("v");
        spread.Cpumap = new EndpointCpumap { Cpumap = "k" };

        var error = await Assert.ThrowsAsync<RpcException>(async () => await service.Links.CreateLinkAsync(
            Requests.Link("l", spread, spread)));
        spread.Cpumap.Cpumap = "nobody";
        var unknown = await Assert.ThrowsAsync<RpcException>(async () => await service.Links.CreateLinkAsync(
            Requests.Link("l", spread, spread)));

        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Equal(
            ["spec.a.cpumap.cpumap", "spec.b.cpumap.cpumap"],
            error.Detail<Google.Rpc.BadRequest>().FieldViolations.Select(v => v.Field));
        Assert.Equal(StatusCode.NotFound, unknown.StatusCode);
    }

    private static Action<UpdateCpumapEntryRequest> All(Action<UpdateCpumapEntryRequest> change) => request =>
    {
        request.Mode = CpumapUpdateMode.Noexist;
        request.Entry = new CpumapEntrySpec
        {
            Cpu = FakeInventory.CpuCount,
            QueueSize = 16_385,
            Program = new CpumapEntryProgram { Loaded = "nobody" },
        };
        change(request);
    };
}
