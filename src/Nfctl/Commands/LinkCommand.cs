using System.CommandLine;
using Nf.Ctl.Completion;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl link</c>: get, list and delete; create has a file of its own.</summary>
internal sealed class LinkCommand : Command
{
    internal LinkCommand(CommandContext context)
        : base("link", "Cross-connects of two endpoints")
    {
        var verbs = new ResourceVerbs(context, "link", ResourceNames.Links);
        Subcommands.Add(new LinkCreateCommand(context));
        Subcommands.Add(verbs.Get(
            "Show one link",
            async (session, name, options) =>
                (await session.Links.GetLinkAsync(new GetLinkRequest { Name = name }, options)).Link,
            link => LinkTables.One(link, Names.NoDataPlane)));
        Subcommands.Add(verbs.List(
            "List links",
            async (session, page, options) =>
                await session.Links.ListLinksAsync(new ListLinksRequest { Page = page }, options),
            answer => answer.Links, answer => answer.NextPageToken, LinkTables.List));
        Subcommands.Add(verbs.End(
            "delete", "Delete a link; its sockets and devices stay",
            async (session, name, options) =>
                await session.Links.DeleteLinkAsync(new DeleteLinkRequest { Name = name }, options)));
    }
}
