using System.CommandLine;
using Nf.Ctl.Completion;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl umem</c>: get, list and delete; create has a file of its own.</summary>
internal sealed class UmemCommand : Command
{
    internal UmemCommand(CommandContext context)
        : base("umem", "Packet memory that sockets share")
    {
        var verbs = new ResourceVerbs(context, "UMEM", ResourceNames.Umems);
        Option<bool> force = Args.Switch("--force", "Unbind its sockets first, and delete their links");
        Subcommands.Add(new UmemCreateCommand(context));
        Subcommands.Add(verbs.Get(
            "Show one UMEM with its chunk ledger",
            async (session, name, options) =>
                (await session.Umems.GetUmemAsync(new GetUmemRequest { Name = name }, options)).Umem,
            umem => UmemTables.One(umem, Names.NoDataPlane)));
        Subcommands.Add(verbs.List(
            "List UMEMs",
            async (session, page, options) =>
                await session.Umems.ListUmemsAsync(new ListUmemsRequest { Page = page }, options),
            answer => answer.Umems, answer => answer.NextPageToken, UmemTables.List));
        Subcommands.Add(verbs.End(
            "delete", "Delete a UMEM",
            async (session, name, options) => await session.Umems.DeleteUmemAsync(
                new DeleteUmemRequest { Name = name, Force = session.Parsed.GetValue(force) }, options),
            options: force));
    }
}
