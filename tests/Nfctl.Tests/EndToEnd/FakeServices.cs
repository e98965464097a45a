using Grpc.Core;
using Grpc.Health.V1;
using Nf.V1;

namespace Nf.Ctl.Tests.EndToEnd;

internal sealed class FakeUmems(FakeService service) : UmemService.UmemServiceBase
{
    public override async Task<CreateUmemResponse> CreateUmem(CreateUmemRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new CreateUmemResponse { Umem = new Umem { Name = request.Name, Spec = request.Spec } };
    }

    public override async Task<GetUmemResponse> GetUmem(GetUmemRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new GetUmemResponse { Umem = service.Umems.Single(u => u.Name == request.Name) };
    }

    public override async Task<ListUmemsResponse> ListUmems(ListUmemsRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        (IEnumerable<Umem> entries, string next) = FakeService.PageOf(service.Umems, request.Page);
        return new ListUmemsResponse { Umems = { entries }, NextPageToken = next };
    }

    public override async Task<DeleteUmemResponse> DeleteUmem(DeleteUmemRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new DeleteUmemResponse();
    }
}

internal sealed class FakeXskSockets(FakeService service) : XskSocketService.XskSocketServiceBase
{
    public override async Task<BindXskSocketResponse> BindXskSocket(
        BindXskSocketRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new BindXskSocketResponse { XskSocket = new XskSocket { Name = request.Name, Spec = request.Spec } };
    }

    public override async Task<GetXskSocketResponse> GetXskSocket(
        GetXskSocketRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new GetXskSocketResponse { XskSocket = service.XskSockets.Single(s => s.Name == request.Name) };
    }

    public override async Task<ListXskSocketsResponse> ListXskSockets(
        ListXskSocketsRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        (IEnumerable<XskSocket> entries, string next) = FakeService.PageOf(service.XskSockets, request.Page);
        return new ListXskSocketsResponse { XskSockets = { entries }, NextPageToken = next };
    }

    public override async Task<UnbindXskSocketResponse> UnbindXskSocket(
        UnbindXskSocketRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new UnbindXskSocketResponse();
    }
}

internal sealed class FakeLinks(FakeService service) : LinkService.LinkServiceBase
{
    public override async Task<CreateLinkResponse> CreateLink(CreateLinkRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new CreateLinkResponse { Link = new Link { Name = request.Name, Spec = request.Spec } };
    }

    public override async Task<GetLinkResponse> GetLink(GetLinkRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new GetLinkResponse { Link = service.Links.Single(l => l.Name == request.Name) };
    }

    public override async Task<ListLinksResponse> ListLinks(ListLinksRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        (IEnumerable<Link> entries, string next) = FakeService.PageOf(service.Links, request.Page);
        return new ListLinksResponse { Links = { entries }, NextPageToken = next };
    }

    public override async Task<DeleteLinkResponse> DeleteLink(DeleteLinkRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new DeleteLinkResponse();
    }
}

internal sealed class FakeNode(FakeService service) : NodeService.NodeServiceBase
{
    public override async Task<GetNodeResponse> GetNode(GetNodeRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new GetNodeResponse { Node = service.Node };
    }

    public override async Task<GetStatsResponse> GetStats(GetStatsRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new GetStatsResponse { Stats = service.Stats };
    }

    public override async Task WatchStats(
        WatchStatsRequest request, IServerStreamWriter<WatchStatsResponse> responseStream, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        await service.Watch(responseStream, context.CancellationToken);
    }

    public override async Task WatchEvents(
        WatchEventsRequest request, IServerStreamWriter<WatchEventsResponse> responseStream, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        foreach (Event happened in request.IncludePast ? service.Past : [])
        {
            await responseStream.WriteAsync(new WatchEventsResponse { Event = happened });
        }

        await service.Events(responseStream, context.CancellationToken);
    }
}

internal sealed class FakeHealth(FakeService service) : Health.HealthBase
{
    public override async Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new HealthCheckResponse
        {
            Status = service.Serving
                ? HealthCheckResponse.Types.ServingStatus.Serving
                : HealthCheckResponse.Types.ServingStatus.NotServing,
        };
    }
}
