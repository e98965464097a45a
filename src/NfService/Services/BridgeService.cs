using Grpc.Core;
using Nf.V1;

namespace Nf.Service;

/// <summary>nf.v1.BridgeService. Translates between the wire and the model; decides nothing.</summary>
internal sealed class BridgeService(Bridges bridges) : V1.BridgeService.BridgeServiceBase
{
    public override async Task<CreateBridgeResponse> CreateBridge(
        CreateBridgeRequest request, ServerCallContext context)
    {
        var asked = DesiredBridge.From(request);
        Bridge bridge = await context.WithinLimit(cancel => bridges.CreateAsync(asked, request.ValidateOnly, cancel));
        return new CreateBridgeResponse { Bridge = bridge };
    }

    public override async Task<GetBridgeResponse> GetBridge(GetBridgeRequest request, ServerCallContext context)
    {
        var name = ResourceName.Parse(request.Name);
        Bridge bridge = await context.WithinLimit(cancel => bridges.GetAsync(name, cancel));
        return new GetBridgeResponse { Bridge = bridge };
    }

    public override async Task<ListBridgesResponse> ListBridges(ListBridgesRequest request, ServerCallContext context)
    {
        PageOf<Bridge> page = await context.WithinLimit(cancel => bridges.ListAsync(request.Page, cancel));
        return new ListBridgesResponse { Bridges = { page.Items }, NextPageToken = page.NextToken };
    }

    public override async Task<DeleteBridgeResponse> DeleteBridge(
        DeleteBridgeRequest request, ServerCallContext context)
    {
        var name = ResourceName.Parse(request.Name);
        await context.WithinLimit(cancel => bridges.DeleteAsync(name, cancel));
        return new DeleteBridgeResponse();
    }

    public override async Task<ListBridgeEntriesResponse> ListBridgeEntries(
        ListBridgeEntriesRequest request, ServerCallContext context)
    {
        var name = ResourceName.Parse(request.Name);
        PageOf<BridgeEntry> page = await context.WithinLimit(
            cancel => bridges.ListEntriesAsync(name, request.Page, cancel));
        return new ListBridgeEntriesResponse { Entries = { page.Items }, NextPageToken = page.NextToken };
    }
}
