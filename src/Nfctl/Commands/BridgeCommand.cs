using System.CommandLine;
using Nf.Ctl.Client;
using Nf.Ctl.Completion;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl bridge</c>: get, list, entries and delete; create has a file of its own.</summary>
internal sealed class BridgeCommand : Command
{
    internal BridgeCommand(CommandContext context)
        : base("bridge", "Learning switches of several endpoints")
    {
        Subcommands.Add(new BridgeCreateCommand(context));

        Argument<string> name = NameOf(context);
        var get = new Command("get", "Show one bridge with the counters of its ports") { name };
        context.Handle(get, async (session, cancel) =>
        {
            GetBridgeResponse answer = await session.Bridges.GetBridgeAsync(
                new GetBridgeRequest { Name = session.Parsed.GetRequiredValue(name) }, session.Once(cancel));
            return CommandContext.Print(
                session, answer.Bridge, () => BridgeTables.One(answer.Bridge, Names.NoDataPlane));
        });
        Subcommands.Add(get);

        var list = new Command("list", "List bridges");
        list.Aliases.Add("ls");
        context.Handle(list, async (session, cancel) =>
        {
            var all = new ListBridgesResponse();
            all.Bridges.Add(await ListAsync(session, cancel));
            return CommandContext.Print(session, all, () => BridgeTables.List(all.Bridges));
        });
        Subcommands.Add(list);

        Argument<string> learner = NameOf(context);
        var entries = new Command("entries", "List the addresses that a bridge has learned") { learner };
        context.Handle(entries, async (session, cancel) =>
        {
            string bridge = session.Parsed.GetRequiredValue(learner);
            var all = new ListBridgeEntriesResponse();
            all.Entries.Add(await ListEntriesAsync(session, bridge, cancel));
            GetBridgeResponse told = await session.Bridges.GetBridgeAsync(
                new GetBridgeRequest { Name = bridge }, session.Once(cancel));
            return CommandContext.Print(session, all, () => BridgeTables.Entries(all.Entries, told.Bridge));
        });
        Subcommands.Add(entries);

        Argument<string> gone = NameOf(context);
        var delete = new Command("delete", "Delete a bridge; its sockets and devices stay") { gone };
        context.Handle(delete, async (session, cancel) =>
        {
            var request = new DeleteBridgeRequest { Name = session.Parsed.GetRequiredValue(gone) };
            DeleteBridgeResponse answer = await session.Bridges.DeleteBridgeAsync(request, session.Once(cancel));
            return CommandContext.PrintDone(session, answer, $"bridge {request.Name} deleted");
        });
        Subcommands.Add(delete);
    }

    /// <summary>Every bridge, page by page.</summary>
    internal static Task<List<Bridge>> ListAsync(Session session, CancellationToken cancel)
    {
        return Pages.ReadAllAsync<Bridge>(async page =>
        {
            ListBridgesResponse answer = await session.Bridges.ListBridgesAsync(
                new ListBridgesRequest { Page = page }, session.Once(cancel));
            return (answer.Bridges, answer.NextPageToken);
        });
    }

    private static Task<List<BridgeEntry>> ListEntriesAsync(Session session, string bridge, CancellationToken cancel)
    {
        return Pages.ReadAllAsync<BridgeEntry>(async page =>
        {
            ListBridgeEntriesResponse answer = await session.Bridges.ListBridgeEntriesAsync(
                new ListBridgeEntriesRequest { Name = bridge, Page = page }, session.Once(cancel));
            return (answer.Entries, answer.NextPageToken);
        });
    }

    private static Argument<string> NameOf(CommandContext context) =>
        ResourceNames.Complete(Args.Name("Name of the bridge"), context, ResourceNames.Bridges);
}
