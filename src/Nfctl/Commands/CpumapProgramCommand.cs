using System.CommandLine;
using Nf.Ctl.Client;
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
        Subcommands.Add(new CpumapProgramLoadCommand(context));

        var list = new Command("list", "List programs");
        list.Aliases.Add("ls");
        context.Handle(list, async (session, cancel) =>
        {
            var all = new ListCpumapProgramsResponse();
            all.Programs.Add(await ListAsync(session, cancel));
            return CommandContext.Print(session, all, () => CpumapTables.Programs(all.Programs));
        });
        Subcommands.Add(list);

        Argument<string> gone = ResourceNames.Complete(
            Args.Name("Name of the program"), context, ResourceNames.CpumapPrograms);
        var unload = new Command("unload", "Unload a program that no entry runs") { gone };
        context.Handle(unload, async (session, cancel) =>
        {
            var request = new UnloadCpumapProgramRequest { Name = session.Parsed.GetRequiredValue(gone) };
            UnloadCpumapProgramResponse answer =
                await session.Cpumaps.UnloadCpumapProgramAsync(request, session.Once(cancel));
            return CommandContext.PrintDone(session, answer, $"program {request.Name} unloaded");
        });
        Subcommands.Add(unload);
    }

    private static Task<List<CpumapProgram>> ListAsync(Session session, CancellationToken cancel)
    {
        return Pages.ReadAllAsync<CpumapProgram>(async page =>
        {
            ListCpumapProgramsResponse answer = await session.Cpumaps.ListCpumapProgramsAsync(
                new ListCpumapProgramsRequest { Page = page }, session.Once(cancel));
            return (answer.Programs, answer.NextPageToken);
        });
    }
}
