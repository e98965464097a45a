using System.CommandLine;
using Nf.Ctl.Client;
using Nf.Ctl.Completion;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl steer</c>: get, list and delete; set and test have files of their own.</summary>
internal sealed class SteerCommand : Command
{
    internal SteerCommand(CommandContext context)
        : base("steer", "Steering: where the packets of an interface go, decided in XDP")
    {
        Subcommands.Add(new SteerSetCommand(context));

        Argument<string> name = NameOf(context);
        var get = new Command("get", "Show the rules of an interface with their counters") { name };
        context.Handle(get, async (session, cancel) =>
        {
            GetSteeringResponse answer = await session.Steerings.GetSteeringAsync(
                new GetSteeringRequest { Name = session.Parsed.GetRequiredValue(name) }, session.Once(cancel));
            return CommandContext.Print(
                session, answer.Steering, () => SteeringTables.One(answer.Steering, Names.NoDataPlane));
        });
        Subcommands.Add(get);

        var list = new Command("list", "List steerings");
        list.Aliases.Add("ls");
        context.Handle(list, async (session, cancel) =>
        {
            var all = new ListSteeringsResponse();
            all.Steerings.Add(await ListAsync(session, cancel));
            return CommandContext.Print(session, all, () => SteeringTables.List(all.Steerings));
        });
        Subcommands.Add(list);

        Argument<string> gone = NameOf(context);
        var delete = new Command(
            "delete", "End a steering: sockets get what arrives on their queues again, the rest goes to the stack")
        { gone };
        context.Handle(delete, async (session, cancel) =>
        {
            var request = new DeleteSteeringRequest { Name = session.Parsed.GetRequiredValue(gone) };
            DeleteSteeringResponse answer =
                await session.Steerings.DeleteSteeringAsync(request, session.Once(cancel));
            return CommandContext.PrintDone(session, answer, $"steering {request.Name} deleted");
        });
        Subcommands.Add(delete);
        Subcommands.Add(new SteerTestCommand(context));
    }

    /// <summary>The name of a steering, which shells complete.</summary>
    internal static Argument<string> NameOf(CommandContext context) =>
        ResourceNames.Complete(Args.Name("Name of the steering"), context, ResourceNames.Steerings);

    private static Task<List<Steering>> ListAsync(Session session, CancellationToken cancel)
    {
        return Pages.ReadAllAsync<Steering>(async page =>
        {
            ListSteeringsResponse answer = await session.Steerings.ListSteeringsAsync(
                new ListSteeringsRequest { Page = page }, session.Once(cancel));
            return (answer.Steerings, answer.NextPageToken);
        });
    }
}
