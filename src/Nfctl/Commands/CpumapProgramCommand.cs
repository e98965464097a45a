using System.CommandLine;
using Nf.Ctl.Completion;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl cpumap program</c>: list and unload; load has a file of its own.</summary>
internal sealed class CpumapProgramCommand : Command
{
    internal CpumapProgramCommand(CommandContext context)
        : base("program", "Programs that entries run on each frame")
    {
        var verbs = new ResourceVerbs(context, "program", ResourceNames.CpumapPrograms);
        Subcommands.Add(new CpumapProgramLoadCommand(context));
        Subcommands.Add(verbs.List(
            "List programs",
            async (session, page, options) => await session.Cpumaps.ListCpumapProgramsAsync(
                new ListCpumapProgramsRequest { Page = page }, options),
            answer => answer.Programs, answer => answer.NextPageToken, CpumapTables.Programs));
        Subcommands.Add(verbs.End(
            "unload", "Unload a program that no entry runs",
            async (session, name, options) => await session.Cpumaps.UnloadCpumapProgramAsync(
                new UnloadCpumapProgramRequest { Name = name }, options),
            done: "unloaded"));
    }
}
