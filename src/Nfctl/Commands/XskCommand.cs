using System.CommandLine;
using Nf.Ctl.Client;
using Nf.Ctl.Completion;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl xsk</c>: get, list and unbind; bind has a file of its own.</summary>
internal sealed class XskCommand : Command
{
    private readonly Option<bool> _force = Args.Switch("--force", "Delete the link or bridge that uses it first");

    internal XskCommand(CommandContext context)
        : base("xsk", "AF_XDP sockets: each bound to one queue of one interface")
    {
        Subcommands.Add(new XskBindCommand(context));

        Argument<string> name = ResourceNames.Complete(
            Args.Name("Name of the socket"), context, ResourceNames.XskSockets);
        var get = new Command("get", "Show one socket as the kernel granted it") { name };
        context.Handle(get, async (session, cancel) =>
        {
            GetXskSocketResponse answer = await session.XskSockets.GetXskSocketAsync(
                new GetXskSocketRequest { Name = session.Parsed.GetRequiredValue(name) }, session.Once(cancel));
            return CommandContext.Print(
                session, answer.XskSocket, () => XskTables.One(answer.XskSocket, Names.NoDataPlane));
        });
        Subcommands.Add(get);

        var list = new Command("list", "List sockets");
        list.Aliases.Add("ls");
        context.Handle(list, async (session, cancel) =>
        {
            var all = new ListXskSocketsResponse();
            all.XskSockets.Add(await ListAsync(session, cancel));
            return CommandContext.Print(session, all, () => XskTables.List(all.XskSockets));
        });
        Subcommands.Add(list);

        Argument<string> gone = ResourceNames.Complete(
            Args.Name("Name of the socket"), context, ResourceNames.XskSockets);
        var unbind = new Command("unbind", "Unbind a socket") { gone, _force };
        context.Handle(unbind, async (session, cancel) =>
        {
            var request = new UnbindXskSocketRequest
            {
                Name = session.Parsed.GetRequiredValue(gone),
                Force = session.Parsed.GetValue(_force),
            };
            UnbindXskSocketResponse answer =
                await session.XskSockets.UnbindXskSocketAsync(request, session.Once(cancel));
            return CommandContext.PrintDone(session, answer, $"socket {request.Name} unbound");
        });
        Subcommands.Add(unbind);
    }

    /// <summary>Every socket, page by page.</summary>
    internal static Task<List<XskSocket>> ListAsync(Session session, CancellationToken cancel)
    {
        return Pages.ReadAllAsync<XskSocket>(async page =>
        {
            ListXskSocketsResponse answer = await session.XskSockets.ListXskSocketsAsync(
                new ListXskSocketsRequest { Page = page }, session.Once(cancel));
            return (answer.XskSockets, answer.NextPageToken);
        });
    }
}
