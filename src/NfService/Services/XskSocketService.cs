using Grpc.Core;
using Nf.V1;

namespace Nf.Service;

/// <summary>nf.v1.XskSocketService. Translates between the wire and the model; decides nothing.</summary>
internal sealed class XskSocketService(XskSockets sockets, Leases leases) : V1.XskSocketService.XskSocketServiceBase
{
    public override async Task<BindXskSocketResponse> BindXskSocket(
        BindXskSocketRequest request, ServerCallContext context)
    {
        if (request.Spec?.Owner == XskOwner.Client)
        {
            return await IssueAsync(request, context);
        }

        var asked = DesiredXskSocket.From(request);
        XskSocket socket = await context.WithinLimit(cancel => sockets.BindAsync(asked, request.ValidateOnly, cancel));
        return new BindXskSocketResponse { XskSocket = socket };
    }

    public override async Task<GetXskSocketResponse> GetXskSocket(
        GetXskSocketRequest request, ServerCallContext context)
    {
        var name = ResourceName.Parse(request.Name);
        XskSocket socket = await context.WithinLimit(cancel => sockets.GetAsync(name, cancel));
        return new GetXskSocketResponse { XskSocket = socket };
    }

    public override async Task<ListXskSocketsResponse> ListXskSockets(
        ListXskSocketsRequest request, ServerCallContext context)
    {
        PageOf<XskSocket> page = await context.WithinLimit(cancel => sockets.ListAsync(request.Page, cancel));
        return new ListXskSocketsResponse { XskSockets = { page.Items }, NextPageToken = page.NextToken };
    }

    public override async Task<UnbindXskSocketResponse> UnbindXskSocket(
        UnbindXskSocketRequest request, ServerCallContext context)
    {
        var name = ResourceName.Parse(request.Name);
        await context.WithinLimit(cancel => sockets.UnbindAsync(name, request.Force, cancel));
        return new UnbindXskSocketResponse();
    }

    private async Task<BindXskSocketResponse> IssueAsync(BindXskSocketRequest request, ServerCallContext context)
    {
        var asked = DesiredLeaseToken.From(request);
        LeaseToken? token = request.ValidateOnly
            ? null
            : await context.WithinLimit(cancel => leases.IssueAsync(asked, cancel));
        return new BindXskSocketResponse { XskSocket = asked.ToProto(), LeaseToken = token };
    }
}
