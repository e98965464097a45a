using System.CommandLine;
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
        ResourceVerbs verbs = Verbs(context);
        Subcommands.Add(new CpumapCreateCommand(context));
        Subcommands.Add(verbs.Get(
            "Show one cpumap with its entries and their counters",
            async (session, name, options) =>
                (await session.Cpumaps.GetCpumapAsync(new GetCpumapRequest { Name = name }, options)).Cpumap,
            cpumap => CpumapTables.One(cpumap, Names.NoDataPlane)));
        Subcommands.Add(verbs.List(
            "List cpumaps",
            async (session, page, options) =>
                await session.Cpumaps.ListCpumapsAsync(new ListCpumapsRequest { Page = page }, options),
            answer => answer.Cpumaps, answer => answer.NextPageToken, CpumapTables.List));
        Subcommands.Add(verbs.End(
            "delete", "Delete a cpumap that nothing uses; its queues are emptied first",
            async (session, name, options) =>
                await session.Cpumaps.DeleteCpumapAsync(new DeleteCpumapRequest { Name = name }, options)));
        Subcommands.Add(new Command("entry", "Entries: which CPUs take frames, by which queue and program")
        {
            new CpumapEntrySetCommand(context), new CpumapEntryDeleteCommand(context),
        });
        Subcommands.Add(new CpumapProgramCommand(context));
    }

    /// <summary>The name of a cpumap, which shells complete.</summary>
    internal static Argument<string> NameOf(CommandContext context) => Verbs(context).Name();

    private static ResourceVerbs Verbs(CommandContext context) => new(context, "cpumap", ResourceNames.Cpumaps);
}
