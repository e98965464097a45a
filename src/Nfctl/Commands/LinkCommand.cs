using System.CommandLine;
using Nf.Ctl.Client;
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
        Subcommands.Add(new LinkCreateCommand(context));

        Argument<string> name = ResourceNames.Complete(Args.Name("Name of the link"), context, ResourceNames.Links);
        var get = new Command("get", "Show one link") { name };
        context.Handle(get, async (session, cancel) =>
        {
            GetLinkResponse answer = await session.Links.GetLinkAsync(
                new GetLinkRequest { Name = session.Parsed.GetRequiredValue(name) }, session.Once(cancel));
            return CommandContext.Print(
                session, answer.Link, () => LinkTables.One(answer.Link, Names.NoDataPlane));
        });
        Subcommands.Add(get);

        var list = new Command("list", "List links");
        list.Aliases.Add("ls");
        context.Handle(list, async (session, cancel) =>
        {
            var all = new ListLinksResponse();
            all.Links.Add(await ListAsync(session, cancel));
            return CommandContext.Print(session, all, () => LinkTables.List(all.Links));
        });
        Subcommands.Add(list);

        Argument<string> gone = ResourceNames.Complete(Args.Name("Name of the link"), context, ResourceNames.Links);
        var delete = new Command("delete", "Delete a link; its sockets and devices stay") { gone };
        context.Handle(delete, async (session, cancel) =>
        {
            var request = new DeleteLinkRequest { Name = session.Parsed.GetRequiredValue(gone) };
            DeleteLinkResponse answer = await session.Links.DeleteLinkAsync(request, session.Once(cancel));
            return CommandContext.PrintDone(session, answer, $"link {request.Name} deleted");
        });
        Subcommands.Add(delete);
    }

    /// <summary>Every link, page by page.</summary>
    internal static Task<List<Link>> ListAsync(Session session, CancellationToken cancel)
    {
        return Pages.ReadAllAsync<Link>(async page =>
        {
            ListLinksResponse answer = await session.Links.ListLinksAsync(
                new ListLinksRequest { Page = page }, session.Once(cancel));
            return (answer.Links, answer.NextPageToken);
        });
    }
}
