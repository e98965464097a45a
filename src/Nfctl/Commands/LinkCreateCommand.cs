using System.CommandLine;
using Nf.Ctl.Completion;
using Nf.Ctl.Parsing;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl link create</c>.</summary>
internal sealed class LinkCreateCommand : Command
{
    private readonly Argument<string> _name = Args.Name("Name of the link");
    private readonly Option<Endpoint> _a =
        Args.Option("--a", "SOCKET[,…]|vhost:NAME[@CPUMAP[:SELECTION]]", "One end", Endpoints.Parse).Required();

    private readonly Option<Endpoint> _b =
        Args.Option("--b", "SOCKET[,…]|vhost:NAME[@CPUMAP[:SELECTION]]", "The other end", Endpoints.Parse).Required();

    private readonly Option<bool> _validateOnly = Args.Switch("--validate-only", "Check only; create nothing");
    private readonly PrefixesOption _prefixes = new();
    private readonly LabelOption _labels = new();

    internal LinkCreateCommand(CommandContext context)
        : base("create", "Create a link")
    {
        Arguments.Add(_name);
        foreach (Option<Endpoint> end in new[] { _a, _b })
        {
            ResourceNames.Complete(end, context, ResourceNames.Endpoints);
            Options.Add(end);
        }

        _prefixes.AddTo(this);
        _labels.AddTo(this);
        Options.Add(_validateOnly);
        context.Handle(this, async (session, cancel) =>
        {
            CreateLinkResponse answer = await session.Links.CreateLinkAsync(
                ToRequest(session.Parsed), session.Once(cancel));
            return CommandContext.Print(session, answer.Link, () => LinkTables.One(answer.Link));
        });
    }

    internal CreateLinkRequest ToRequest(ParseResult parsed)
    {
        var request = new CreateLinkRequest
        {
            Name = parsed.GetRequiredValue(_name),
            Spec = new LinkSpec
            {
                A = parsed.GetRequiredValue(_a),
                B = parsed.GetRequiredValue(_b),
            },
            ValidateOnly = parsed.GetValue(_validateOnly),
        };
        _prefixes.Fill(
            parsed, [request.Spec.A.Cpumap?.Selection, request.Spec.B.Cpumap?.Selection]);
        _labels.Fill(parsed, request.Labels);
        return request;
    }
}
