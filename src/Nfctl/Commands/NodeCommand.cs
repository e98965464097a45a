using System.CommandLine;
using Nf.Ctl.Completion;
using Nf.Ctl.Parsing;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl node</c>: what the node can do.</summary>
internal sealed class NodeCommand : Command
{
    private readonly Option<NetworkNamespace> _netns = Args.Option(
        "--netns", "NAME|PATH|pid:N", "Network namespace whose interfaces are shown", Namespaces.Parse);

    internal NodeCommand(CommandContext context)
        : base("node", "Describe the node: kernel, features, interfaces, data plane")
    {
        _netns.CompletionSources.Add(_ => LocalNames.Namespaces());
        Options.Add(_netns);
        context.Handle(this, async (session, cancel) =>
        {
            GetNodeResponse answer = await session.Node.GetNodeAsync(ToRequest(session.Parsed), session.Once(cancel));
            return CommandContext.Print(session, answer.Node, () => NodeTables.One(answer.Node));
        });
    }

    internal GetNodeRequest ToRequest(ParseResult parsed) => new() { NetworkNamespace = parsed.GetValue(_netns) };
}
