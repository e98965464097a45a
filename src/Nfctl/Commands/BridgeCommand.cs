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
        var verbs = new ResourceVerbs(context, "bridge", ResourceNames.Bridges);
        Subcommands.Add(new BridgeCreateCommand(context));
        Subcommands.Add(verbs.Get(
            "Show one bridge with the counters of its ports",
            async (session, name, options) =>
                (await session.Bridges.GetBridgeAsync(new GetBridgeRequest { Name = name }, options)).Bridge,
            bridge => BridgeTables.One(bridge, Names.NoDataPlane)));
        Subcommands.Add(verbs.List(
            "List bridges",
            async (session, page, options) =>
                await session.Bridges.ListBridgesAsync(new ListBridgesRequest { Page = page }, options),
            answer => answer.Bridges, answer => answer.NextPageToken, BridgeTables.List));
        Subcommands.Add(Entries(context, verbs.Name()));
        Subcommands.Add(verbs.End(
            "delete", "Delete a bridge; its sockets and devices stay",
            async (session, name, options) =>
                await session.Bridges.DeleteBridgeAsync(new DeleteBridgeRequest { Name = name }, options)));
    }

    private static Command Entries(CommandContext context, Argument<string> learner)
    {
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
        return entries;
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
}
