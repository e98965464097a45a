using Grpc.Core;
using Nf.V1;

namespace Nf.Ctl.Tests.EndToEnd;

internal sealed class FakeCpumaps(FakeService service) : CpumapService.CpumapServiceBase
{
    public override async Task<CreateCpumapResponse> CreateCpumap(
        CreateCpumapRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new CreateCpumapResponse { Cpumap = new Cpumap { Name = request.Name, Spec = request.Spec } };
    }

    public override async Task<GetCpumapResponse> GetCpumap(GetCpumapRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new GetCpumapResponse { Cpumap = service.Cpumaps.Single(c => c.Name == request.Name) };
    }

    public override async Task<ListCpumapsResponse> ListCpumaps(ListCpumapsRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        (IEnumerable<Cpumap> entries, string next) = FakeService.PageOf(service.Cpumaps, request.Page);
        return new ListCpumapsResponse { Cpumaps = { entries }, NextPageToken = next };
    }

    public override async Task<DeleteCpumapResponse> DeleteCpumap(
        DeleteCpumapRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new DeleteCpumapResponse();
    }

    public override async Task<UpdateCpumapEntryResponse> UpdateCpumapEntry(
        UpdateCpumapEntryRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new UpdateCpumapEntryResponse
        {
            Entry = new CpumapEntry { Cpu = request.Entry.Cpu, QueueSize = request.Entry.QueueSize, Threads = 2 },
            Draining = true,
        };
    }

    public override async Task<DeleteCpumapEntryResponse> DeleteCpumapEntry(
        DeleteCpumapEntryRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new DeleteCpumapEntryResponse();
    }

    public override async Task<LoadCpumapProgramResponse> LoadCpumapProgram(
        LoadCpumapProgramRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new LoadCpumapProgramResponse
        {
            Program = new CpumapProgram { Name = request.Name, Spec = request.Spec },
        };
    }

    public override async Task<ListCpumapProgramsResponse> ListCpumapPrograms(
        ListCpumapProgramsRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        (IEnumerable<CpumapProgram> entries, string next) = FakeService.PageOf(service.CpumapPrograms, request.Page);
        return new ListCpumapProgramsResponse { Programs = { entries }, NextPageToken = next };
    }

    public override async Task<UnloadCpumapProgramResponse> UnloadCpumapProgram(
        UnloadCpumapProgramRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new UnloadCpumapProgramResponse();
    }
}

internal sealed class FakeSteerings(FakeService service) : SteeringService.SteeringServiceBase
{
    public override async Task<SetSteeringResponse> SetSteering(SetSteeringRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new SetSteeringResponse { Steering = new Steering { Name = request.Name, Spec = request.Spec } };
    }

    public override async Task<GetSteeringResponse> GetSteering(GetSteeringRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new GetSteeringResponse { Steering = service.Steerings.Single(s => s.Name == request.Name) };
    }

    public override async Task<ListSteeringsResponse> ListSteerings(
        ListSteeringsRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        (IEnumerable<Steering> entries, string next) = FakeService.PageOf(service.Steerings, request.Page);
        return new ListSteeringsResponse { Steerings = { entries }, NextPageToken = next };
    }

    public override async Task<DeleteSteeringResponse> DeleteSteering(
        DeleteSteeringRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new DeleteSteeringResponse();
    }

    public override async Task<TestSteeringResponse> TestSteering(
        TestSteeringRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new TestSteeringResponse
        {
            Verdicts =
            {
                request.Packets.Select(_ => new SteeringVerdict
                {
                    Rule = "web", Action = "cpumap", Cpumap = "fan", Cpu = 2,
                }),
            },
        };
    }
}
