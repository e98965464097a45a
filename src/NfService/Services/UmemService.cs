using Grpc.Core;
using Nf.V1;

namespace Nf.Service;

/// <summary>nf.v1.UmemService. Translates between the wire and the model; decides nothing.</summary>
internal sealed class UmemService(Umems umems) : V1.UmemService.UmemServiceBase
{
    public override async Task<CreateUmemResponse> CreateUmem(CreateUmemRequest request, ServerCallContext context)
    {
        var asked = DesiredUmem.From(request);
        Umem umem = await context.WithinLimit(cancel => umems.CreateAsync(asked, request.ValidateOnly, cancel));
        return new CreateUmemResponse { Umem = umem };
    }

    public override async Task<GetUmemResponse> GetUmem(GetUmemRequest request, ServerCallContext context)
    {
        var name = ResourceName.Parse(request.Name);
        Umem umem = await context.WithinLimit(cancel => umems.GetAsync(name, cancel));
        return new GetUmemResponse { Umem = umem };
    }

    public override async Task<ListUmemsResponse> ListUmems(ListUmemsRequest request, ServerCallContext context)
    {
        PageOf<Umem> page = await context.WithinLimit(cancel => umems.ListAsync(request.Page, cancel));
        return new ListUmemsResponse { Umems = { page.Items }, NextPageToken = page.NextToken };
    }

    public override async Task<DeleteUmemResponse> DeleteUmem(DeleteUmemRequest request, ServerCallContext context)
    {
        var name = ResourceName.Parse(request.Name);
        await context.WithinLimit(cancel => umems.DeleteAsync(name, request.Force, cancel));
        return new DeleteUmemResponse();
    }
}
