using Grpc.Core;
using Nf.V1;

namespace Nf.Service;

/// <summary>nf.v1.LeaseService. Translates between the wire and the model; decides nothing.</summary>
internal sealed class LeaseService(Leases leases) : V1.LeaseService.LeaseServiceBase
{
    public override async Task<ListLeasesResponse> ListLeases(ListLeasesRequest request, ServerCallContext context)
    {
        PageOf<Lease> page = await context.WithinLimit(cancel => leases.ListAsync(request.Page, cancel));
        return new ListLeasesResponse { Leases = { page.Items }, NextPageToken = page.NextToken };
    }

    public override async Task<RevokeLeaseResponse> RevokeLease(RevokeLeaseRequest request, ServerCallContext context)
    {
        await context.WithinLimit(cancel => leases.RevokeAsync(request.Id, cancel));
        return new RevokeLeaseResponse();
    }

    public override async Task<RevokeLeaseTokenResponse> RevokeLeaseToken(
        RevokeLeaseTokenRequest request, ServerCallContext context)
    {
        var name = ResourceName.Parse(request.Name);
        await context.WithinLimit(cancel => leases.RevokeTokenAsync(name, cancel));
        return new RevokeLeaseTokenResponse();
    }
}
