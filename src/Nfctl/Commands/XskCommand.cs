using System.CommandLine;
using Nf.Ctl.Completion;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl xsk</c>: get, list and unbind; bind has a file of its own.</summary>
internal sealed class XskCommand : Command
{
    internal XskCommand(CommandContext context)
        : base("xsk", "AF_XDP sockets: each bound to one queue of one interface")
    {
        var verbs = new ResourceVerbs(context, "socket", ResourceNames.XskSockets);
        Option<bool> force = Args.Switch("--force", "Delete the link or bridge that uses it first");
        Subcommands.Add(new XskBindCommand(context));
        Subcommands.Add(verbs.Get(
            "Show one socket as the kernel granted it",
            async (session, name, options) => (await session.XskSockets.GetXskSocketAsync(
                new GetXskSocketRequest { Name = name }, options)).XskSocket,
            socket => XskTables.One(socket, Names.NoDataPlane)));
        Subcommands.Add(verbs.List(
            "List sockets",
            async (session, page, options) =>
                await session.XskSockets.ListXskSocketsAsync(new ListXskSocketsRequest { Page = page }, options),
            answer => answer.XskSockets, answer => answer.NextPageToken, XskTables.List));
        Subcommands.Add(verbs.End(
            "unbind", "Unbind a socket",
            async (session, name, options) => await session.XskSockets.UnbindXskSocketAsync(
                new UnbindXskSocketRequest { Name = name, Force = session.Parsed.GetValue(force) }, options),
            done: "unbound", force));
    }
}
