using System.CommandLine;
using Nf.Ctl.Client;
using Nf.Ctl.Completion;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl cpumap</c>: get, list and delete; the rest has files of its own.</summary>
internal sealed class CpumapCommand : Command
{
    internal CpumapCommand(CommandContext context)
        : base("cpumap", "Cpumaps: frames handed to other CPUs")
    {
        Subcommands.Add(new CpumapCreateCommand(context));

        Argument<string> name = NameOf(context);
        var get = new Command("get", "Show one cpumap with its entries and their counters") { name };
        context.Handle(get, async (session, cancel) =>
        {
            GetCpumapResponse answer = await session.Cpumaps.GetCpumapAsync(
                new GetCpumapRequest { Name = session.Parsed.GetRequiredValue(name) }, session.Once(cancel));
            return CommandContext.Print(
                session, answer.Cpumap, () => CpumapTables.One(answer.Cpumap, Names.NoDataPlane));
        });
        Subcommands.Add(get);

        var list = new Command("list", "List cpumaps");
        list.Aliases.Add("ls");
        context.Handle(list, async (session, cancel) =>
        {
            var all = new ListCpumapsResponse();
            all.Cpumaps.Add(await ListAsync(session, cancel));
            return CommandContext.Print(session, all, () => CpumapTables.List(all.Cpumaps));
        });
        Subcommands.Add(list);

        Argument<string> gone = NameOf(context);
        var delete = new Command("delete", "Delete a cpumap that nothing uses; its queues are emptied first") { gone };
        context.Handle(delete, async (session, cancel) =>
        {
            var request = new DeleteCpumapRequest { Name = session.Parsed.GetRequiredValue(gone) };
            DeleteCpumapResponse answer = await session.Cpumaps.DeleteCpumapAsync(request, session.Once(cancel));
            return CommandContext.PrintDone(session, answer, $"cpumap {request.Name} deleted");
        });
        Subcommands.Add(delete);
        Subcommands.Add(new Command("entry", "Entries: which CPUs take frames, by which queue and program")
        {
            new CpumapEntrySetCommand(context), new CpumapEntryDeleteCommand(context),
        });
        Subcommands.Add(new CpumapProgramCommand(context));
    }

    /// <summary>The name of a cpumap, which shells complete.</summary>
    internal static Argument<string> NameOf(CommandContext context) =>
        ResourceNames.Complete(Args.Name("Name of the cpumap"), context, ResourceNames.Cpumaps);

    private static Task<List<Cpumap>> ListAsync(Session session, CancellationToken cancel)
    {
        return Pages.ReadAllAsync<Cpumap>(async page =>
        {
            ListCpumapsResponse answer = await session.Cpumaps.ListCpumapsAsync(
                new ListCpumapsRequest { Page = page }, session.Once(cancel));
            return (answer.Cpumaps, answer.NextPageToken);
        });
    }
}
