using System.CommandLine;
using Google.Protobuf;
using Nf.Ctl.Parsing;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl steer set</c>: the rules from options, from a file, or from both.</summary>
internal sealed class SteerSetCommand : Command
{
    private readonly Argument<string> _name = Args.Name("Name of the steering");
    private readonly Option<SteeringSpec> _file = Args.Option(
        "--file", "FILE", "A SteeringSpec in protobuf JSON to begin with; other options change it or add to it",
        ReadSpec);

    private readonly Option<string> _interface =
        Args.Option("--interface", "IF", "The interface", text => text);

    private readonly Option<uint?> _ifindex =
        Args.Option("--ifindex", "N", "The interface by its index", Numbers.Positive);

    private readonly Option<NetworkNamespace> _netns = Args.Option(
        "--netns", "NAME|PATH|pid:N", "Its network namespace [default: the data plane's]", Namespaces.Parse);

    private readonly Option<SteeringRule[]> _rules = Args.Repeated(
        "--rule", "'[NAME:] MATCH -> ACTION'", "A rule; repeat it, the first that matches decides",
        SteeringRuleText.Parse);

    private readonly Option<SteeringAction> _default = Args.Option(
        "--default", "ACTION", "What becomes of packets that no rule matches [default: xsk]", SteeringActionText.Parse);

    private readonly PrefixesOption _prefixes = new();
    private readonly Option<string[]> _management = Args.Repeated(
        "--management", "FILTER", "A pcap filter for more packets that always go to the stack", text => text);

    private readonly Option<bool> _steerManagement = Args.Switch(
        "--steer-management", "Ask the rules about ARP, ND, DHCP, LLDP and BFD, too; else these go to the stack");

    private readonly Option<XdpMode> _xdpMode = Args.Option(
        "--xdp-mode", "Driver or generic hook, where no socket has decided it [default: auto]", Choices.XdpModes);

    private readonly Option<bool> _frags = Args.Switch("--frags", "Frames of several buffers may pass");
    private readonly Option<bool> _validateOnly = Args.Switch("--validate-only", "Compile only; attach nothing");
    private readonly LabelOption _labels = new();

    internal SteerSetCommand(CommandContext context)
        : base("set", "Set the rules of an interface, in place of those it had")
    {
        Arguments.Add(_name);
        _interface.CompletionSources.Add(_ => Completion.LocalNames.Interfaces());
        _netns.CompletionSources.Add(_ => Completion.LocalNames.Namespaces());
        foreach (Option option in new Option[] { _file, _interface, _ifindex, _netns, _rules, _default })
        {
            Options.Add(option);
        }

        _prefixes.AddTo(this);
        foreach (Option option in new Option[] { _management, _steerManagement, _xdpMode, _frags })
        {
            Options.Add(option);
        }

        _labels.AddTo(this);
        Options.Add(_validateOnly);
        Validators.Add(result =>
        {
            bool byName = result.GetResult(_interface) is not null;
            bool byIndex = result.GetResult(_ifindex) is not null;
            if (byName && byIndex)
            {
                result.AddError("give --interface or --ifindex, not both");
            }
            else if (!byName && !byIndex && result.GetResult(_file) is null)
            {
                result.AddError("--interface, --ifindex or --file is required");
            }
        });
        context.Handle(this, async (session, cancel) =>
        {
            SetSteeringResponse answer = await session.Steerings.SetSteeringAsync(
                ToRequest(session.Parsed), session.Once(cancel));
            return CommandContext.Print(
                session, answer.Steering, () => SteeringTables.One(answer.Steering, "valid, not set"));
        });
    }

    internal SetSteeringRequest ToRequest(ParseResult parsed)
    {
        SteeringSpec spec = parsed.GetValue(_file)?.Clone() ?? new SteeringSpec();
        if (parsed.GetValue(_interface) is { } name)
        {
            spec.Interface = name;
        }

        if (parsed.GetValue(_ifindex) is { } index)
        {
            spec.Ifindex = index;
        }

        spec.NetworkNamespace = parsed.GetValue(_netns) ?? spec.NetworkNamespace;
        spec.Rules.Add((parsed.GetValue(_rules) ?? []).Select(rule => rule.Clone()));
        spec.DefaultAction = parsed.GetValue(_default)?.Clone() ?? spec.DefaultAction;
        spec.ManagementFilters.Add(parsed.GetValue(_management) ?? []);
        spec.SteerManagement |= parsed.GetValue(_steerManagement);
        spec.XdpMode = parsed.GetResult(_xdpMode) is null ? spec.XdpMode : parsed.GetValue(_xdpMode);
        spec.Frags |= parsed.GetValue(_frags);
        _prefixes.Fill(parsed, spec.Rules.Select(rule => rule.Action).Append(spec.DefaultAction)
            .Select(action => action?.Cpumap?.Selection));
        var request = new SetSteeringRequest
        {
            Name = parsed.GetRequiredValue(_name),
            Spec = spec,
            ValidateOnly = parsed.GetValue(_validateOnly),
        };
        _labels.Fill(parsed, request.Labels);
        return request;
    }

    private static SteeringSpec ReadSpec(string path)
    {
        string text = Files.ReadText(path);
        try
        {
            return JsonParser.Default.Parse<SteeringSpec>(text);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidJsonException)
        {
            throw new FormatException($"{path} is no SteeringSpec: {e.Message}", e);
        }
    }
}
