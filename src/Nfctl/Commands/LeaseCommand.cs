using System.CommandLine;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl lease</c>: list, revoke, and revoke-token. Tokens are asked for by <c>nfctl xsk bind --owner
/// client</c>.</summary>
internal sealed class LeaseCommand : Command
{
    internal LeaseCommand(CommandContext context)
        : base("lease", "Sockets that the broker lent to programs")
    {
        // Numbers, which nobody completes.
        var verbs = new ResourceVerbs(context, "lease", (_, _) => []);
        Subcommands.Add(verbs.List(
            "List leases",
            async (session, page, options) =>
                await session.Leases.ListLeasesAsync(new ListLeasesRequest { Page = page }, options),
            answer => answer.Leases, answer => answer.NextPageToken, LeaseTables.List));

        var id = new Argument<ulong>("ID") { Description = "Number of the lease" };
        var revoke = new Command("revoke", "End a lease; its packets go to the stack") { id };
        context.Handle(revoke, async (session, cancel) =>
        {
            var request = new RevokeLeaseRequest { Id = session.Parsed.GetRequiredValue(id) };
            RevokeLeaseResponse answer = await session.Leases.RevokeLeaseAsync(request, session.Once(cancel));
            return CommandContext.PrintDone(session, answer, $"lease {request.Id} revoked");
        });
        Subcommands.Add(revoke);

        Argument<string> name = Args.Name("Name under which the token was asked for");
        var revokeToken = new Command("revoke-token", "Take back a token that nobody has shown yet") { name };
        context.Handle(revokeToken, async (session, cancel) =>
        {
            var request = new RevokeLeaseTokenRequest { Name = session.Parsed.GetRequiredValue(name) };
            RevokeLeaseTokenResponse answer = await session.Leases.RevokeLeaseTokenAsync(
                request, session.Once(cancel));
            return CommandContext.PrintDone(session, answer, $"token {request.Name} revoked");
        });
        Subcommands.Add(revokeToken);
    }
}
