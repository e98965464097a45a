using Grpc.Core;
using Nf.Internal.V1;
using Nf.V1;

namespace Nf.Service;

/// <summary>nf.v1.CpumapService. Translates between the wire and the model; decides nothing.</summary>
internal sealed class CpumapService(Cpumaps cpumaps, CpumapPrograms programs) : V1.CpumapService.CpumapServiceBase
{
    public override async Task<CreateCpumapResponse> CreateCpumap(
        CreateCpumapRequest request, ServerCallContext context)
    {
        var asked = DesiredCpumap.From(request);
        Cpumap cpumap = await context.WithinLimit(cancel => cpumaps.CreateAsync(asked, request.ValidateOnly, cancel));
        return new CreateCpumapResponse { Cpumap = cpumap };
    }

    public override async Task<GetCpumapResponse> GetCpumap(GetCpumapRequest request, ServerCallContext context)
    {
        var name = ResourceName.Parse(request.Name);
        Cpumap cpumap = await context.WithinLimit(cancel => cpumaps.GetAsync(name, cancel));
        return new GetCpumapResponse { Cpumap = cpumap };
    }

    public override async Task<ListCpumapsResponse> ListCpumaps(ListCpumapsRequest request, ServerCallContext context)
    {
        PageOf<Cpumap> page = await context.WithinLimit(cancel => cpumaps.ListAsync(request.Page, cancel));
        return new ListCpumapsResponse { Cpumaps = { page.Items }, NextPageToken = page.NextToken };
    }

    public override async Task<DeleteCpumapResponse> DeleteCpumap(
        DeleteCpumapRequest request, ServerCallContext context)
    {
        var name = ResourceName.Parse(request.Name);
        await context.WithinLimit(cancel => cpumaps.DeleteAsync(name, cancel));
        return new DeleteCpumapResponse();
    }

    public override async Task<UpdateCpumapEntryResponse> UpdateCpumapEntry(
        UpdateCpumapEntryRequest request, ServerCallContext context)
    {
        var asked = CpumapEntryUpdate.From(request);
        CpumapEntryDone done = await context.WithinLimit(
            cancel => cpumaps.UpdateEntryAsync(asked, cancel), asked.DrainTimeout);
        return new UpdateCpumapEntryResponse { Entry = done.Entry, Draining = done.Draining };
    }

    public override async Task<DeleteCpumapEntryResponse> DeleteCpumapEntry(
        DeleteCpumapEntryRequest request, ServerCallContext context)
    {
        var faults = new SpecFaults();
        ResourceName name = ResourceName.Check(faults, "cpumap", request.Cpumap);
        TimeSpan drain = CpumapEntryUpdate.CheckDrainTimeout(faults, request.DrainTimeout);
        faults.ThrowIfAny();
        CpumapEntryDone done = await context.WithinLimit(
            cancel => cpumaps.DeleteEntryAsync(name, request.Cpu, drain, cancel), drain);
        return new DeleteCpumapEntryResponse { Draining = done.Draining };
    }

    public override async Task<LoadCpumapProgramResponse> LoadCpumapProgram(
        LoadCpumapProgramRequest request, ServerCallContext context)
    {
        var asked = DesiredCpumapProgram.From(request);
        CpumapProgram program = await context.WithinLimit(cancel => programs.LoadAsync(asked, cancel));
        return new LoadCpumapProgramResponse { Program = program };
    }

    public override async Task<ListCpumapProgramsResponse> ListCpumapPrograms(
        ListCpumapProgramsRequest request, ServerCallContext context)
    {
        PageOf<CpumapProgram> page = await context.WithinLimit(cancel => programs.ListAsync(request.Page, cancel));
        return new ListCpumapProgramsResponse { Programs = { page.Items }, NextPageToken = page.NextToken };
    }

    public override async Task<UnloadCpumapProgramResponse> UnloadCpumapProgram(
        UnloadCpumapProgramRequest request, ServerCallContext context)
    {
        var name = ResourceName.Parse(request.Name);
        await context.WithinLimit(cancel => programs.UnloadAsync(name, cancel));
        return new UnloadCpumapProgramResponse();
    }
}
