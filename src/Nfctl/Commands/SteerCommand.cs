using System.CommandLine;
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
        ResourceVerbs verbs = Verbs(context);
        Subcommands.Add(new SteerSetCommand(context));
        Subcommands.Add(verbs.Get(
            "Show the rules of an interface with their counters",
            async (session, name, options) =>
                (await session.Steerings.GetSteeringAsync(new GetSteeringRequest { Name = name }, options)).Steering,
            steering => SteeringTables.One(steering, Names.NoDataPlane)));
        Subcommands.Add(verbs.List(
            "List steerings",
            async (session, page, options) =>
                await session.Steerings.ListSteeringsAsync(new ListSteeringsRequest { Page = page }, options),
            answer => answer.Steerings, answer => answer.NextPageToken, SteeringTables.List));
        Subcommands.Add(verbs.End(
            "delete", "End a steering: sockets get what arrives on their queues again, the rest goes to the stack",
            async (session, name, options) =>
                await session.Steerings.DeleteSteeringAsync(new DeleteSteeringRequest { Name = name }, options)));
        Subcommands.Add(new SteerTestCommand(context));
    }

    /// <summary>The name of a steering, which shells complete.</summary>
    internal static Argument<string> NameOf(CommandContext context) => Verbs(context).Name();

    private static ResourceVerbs Verbs(CommandContext context) => new(context, "steering", ResourceNames.Steerings);
}
