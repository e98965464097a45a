using System.CommandLine;
using Nf.Ctl.Client;
using Nf.Ctl.Completion;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl umem</c>: get, list and delete; create has a file of its own.</summary>
internal sealed class UmemCommand : Command
{
    private readonly Option<bool> _force = Args.Switch("--force", "Unbind its sockets first, and delete their links");

    internal UmemCommand(CommandContext context)
        : base("umem", "Packet memory that sockets share")
    {
        Subcommands.Add(new UmemCreateCommand(context));

        Argument<string> name = ResourceNames.Complete(Args.Name("Name of the UMEM"), context, ResourceNames.Umems);
        var get = new Command("get", "Show one UMEM with its chunk ledger") { name };
        context.Handle(get, async (session, cancel) =>
        {
            GetUmemResponse answer = await session.Umems.GetUmemAsync(
                new GetUmemRequest { Name = session.Parsed.GetRequiredValue(name) }, session.Once(cancel));
            return CommandContext.Print(
                session, answer.Umem, () => UmemTables.One(answer.Umem, Names.NoDataPlane));
        });
        Subcommands.Add(get);

        var list = new Command("list", "List UMEMs");
        list.Aliases.Add("ls");
        context.Handle(list, async (session, cancel) =>
        {
            var all = new ListUmemsResponse();
            all.Umems.Add(await ListAsync(session, cancel));
            return CommandContext.Print(session, all, () => UmemTables.List(all.Umems));
        });
        Subcommands.Add(list);

        Argument<string> gone = ResourceNames.Complete(Args.Name("Name of the UMEM"), context, ResourceNames.Umems);
        var delete = new Command("delete", "Delete a UMEM") { gone, _force };
        context.Handle(delete, async (session, cancel) =>
        {
            var request = new DeleteUmemRequest
            {
                Name = session.Parsed.GetRequiredValue(gone),
                Force = session.Parsed.GetValue(_force),
            };
            DeleteUmemResponse answer = await session.Umems.DeleteUmemAsync(request, session.Once(cancel));
            return CommandContext.PrintDone(session, answer, $"UMEM {request.Name} deleted");
        });
        Subcommands.Add(delete);
    }

    /// <summary>Every UMEM, page by page.</summary>
    internal static Task<List<Umem>> ListAsync(Session session, CancellationToken cancel)
    {
        return Pages.ReadAllAsync<Umem>(async page =>
        {
            ListUmemsResponse answer = await session.Umems.ListUmemsAsync(
                new ListUmemsRequest { Page = page }, session.Once(cancel));
            return (answer.Umems, answer.NextPageToken);
        });
    }
}
