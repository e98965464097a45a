using Grpc.Core;
using Nf.V1;

namespace Nf.Service;

/// <summary>nf.v1.LinkService. Translates between the wire and the model; decides nothing.</summary>
internal sealed class LinkService(Links links) : V1.LinkService.LinkServiceBase
{
    public override async Task<CreateLinkResponse> CreateLink(CreateLinkRequest request, ServerCallContext context)
    {
        var asked = DesiredLink.From(request);
        Link link = await context.WithinLimit(cancel => links.CreateAsync(asked, request.ValidateOnly, cancel));
        return new CreateLinkResponse { Link = link };
    }

    public override async Task<GetLinkResponse> GetLink(GetLinkRequest request, ServerCallContext context)
    {
        var name = ResourceName.Parse(request.Name);
        Link link = await context.WithinLimit(cancel => links.GetAsync(name, cancel));
        return new GetLinkResponse { Link = link };
    }

    public override async Task<ListLinksResponse> ListLinks(ListLinksRequest request, ServerCallContext context)
    {
        PageOf<Link> page = await context.WithinLimit(cancel => links.ListAsync(request.Page, cancel));
        return new ListLinksResponse { Links = { page.Items }, NextPageToken = page.NextToken };
    }

    public override async Task<DeleteLinkResponse> DeleteLink(DeleteLinkRequest request, ServerCallContext context)
    {
        var name = ResourceName.Parse(request.Name);
        await context.WithinLimit(cancel => links.DeleteAsync(name, cancel));
        return new DeleteLinkResponse();
    }
}
