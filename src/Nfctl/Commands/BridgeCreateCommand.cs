using System.CommandLine;
using Nf.Ctl.Completion;
using Nf.Ctl.Parsing;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl bridge create</c>. What is not given is left to the service's defaults.</summary>
internal sealed class BridgeCreateCommand : Command
{
    private readonly Argument<string> _name = Args.Name("Name of the bridge");
    private readonly Option<Endpoint[]> _endpoints = Args.Repeated(
        "--endpoint", "SOCKET[,…]|vhost:NAME[@CPUMAP[:SELECTION]]", "An end; repeat it for each, 2 to 32",
        Endpoints.Parse).Required();

    private readonly Option<uint> _age = Args.Option(
        "--age", "TIME", "How long an address that sends nothing is remembered [default: 5m]", Seconds);

    private readonly Option<uint?> _entriesMax =
        Args.Option("--entries-max", "N", "Most addresses learned [default: 4096]", Numbers.Positive);

    private readonly Option<uint?> _endpointEntriesMax = Args.Option(
        "--endpoint-entries-max", "N", "Most addresses learned on one endpoint [default: as many as in all]",
        Numbers.Positive);

    private readonly Option<bool> _validateOnly = Args.Switch("--validate-only", "Check only; create nothing");
    private readonly PrefixesOption _prefixes = new();
    private readonly LabelOption _labels = new();

    internal BridgeCreateCommand(CommandContext context)
        : base("create", "Create a bridge")
    {
        Arguments.Add(_name);
        _endpoints.Aliases.Add("-e");
        ResourceNames.Complete(_endpoints, context, ResourceNames.Endpoints);
        foreach (Option option in new Option[] { _endpoints, _age, _entriesMax, _endpointEntriesMax })
        {
            Options.Add(option);
        }

        _prefixes.AddTo(this);
        _labels.AddTo(this);
        Options.Add(_validateOnly);
        context.Handle(this, async (session, cancel) =>
        {
            CreateBridgeResponse answer = await session.Bridges.CreateBridgeAsync(
                ToRequest(session.Parsed), session.Once(cancel));
            return CommandContext.Print(session, answer.Bridge, () => BridgeTables.One(answer.Bridge));
        });
    }

    internal CreateBridgeRequest ToRequest(ParseResult parsed)
    {
        var request = new CreateBridgeRequest
        {
            Name = parsed.GetRequiredValue(_name),
            Spec = new BridgeSpec
            {
                Endpoints = { parsed.GetRequiredValue(_endpoints) },
                AgeSeconds = parsed.GetValue(_age),
                EntriesMax = parsed.GetValue(_entriesMax) ?? 0,
                EndpointEntriesMax = parsed.GetValue(_endpointEntriesMax) ?? 0,
            },
            ValidateOnly = parsed.GetValue(_validateOnly),
        };
        _prefixes.Fill(parsed, request.Spec.Endpoints.Select(endpoint => endpoint.Cpumap?.Selection));
        _labels.Fill(parsed, request.Labels);
        return request;
    }

    private static uint Seconds(string text)
    {
        TimeSpan age = Durations.Parse(text);
        return age.Ticks % TimeSpan.TicksPerSecond == 0
            ? (uint)age.TotalSeconds
            : throw new FormatException($"'{text}' is not a whole number of seconds");
    }
}
