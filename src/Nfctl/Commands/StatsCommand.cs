using System.CommandLine;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl stats</c>: every counter once.</summary>
internal sealed class StatsCommand : Command
{
    internal StatsCommand(CommandContext context)
        : base("stats", "Show every counter once")
    {
        context.Handle(this, async (session, cancel) =>
        {
            GetStatsResponse answer = await session.Node.GetStatsAsync(new GetStatsRequest(), session.Once(cancel));
            return CommandContext.Print(session, answer.Stats, () => StatsTables.One(answer.Stats));
        });
    }
}
