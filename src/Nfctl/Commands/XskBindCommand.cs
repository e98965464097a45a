using System.CommandLine;
using System.CommandLine.Parsing;
using Nf.Ctl.Completion;
using Nf.Ctl.Parsing;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl xsk bind</c>. What is not given is left to the service's defaults.</summary>
internal sealed class XskBindCommand : Command
{
    private readonly Argument<string> _name = Args.Name("Name of the socket");
    private readonly Option<string> _umem;
    private readonly Option<string> _interface = Args.Option("--interface", "IF", "Interface by name", text => text);
    private readonly Option<uint?> _ifindex =
        Args.Option("--ifindex", "N", "Interface by index", Numbers.Positive);

    private readonly Option<NetworkNamespace> _netns = Args.Option(
        "--netns", "NAME|PATH|pid:N", $"Network namespace; a name means {Namespaces.Folder}/NAME", Namespaces.Parse);

    private readonly Option<uint> _queue = Args.Option("--queue", "N", "Queue", Numbers.UInt32).Required();
    private readonly Option<XskMode> _mode =
        Args.Option("--mode", "Copy or zero-copy [default: auto]", Choices.XskModes);

    private readonly Option<XdpMode> _xdpMode =
        Args.Option("--xdp-mode", "Driver or generic hook [default: auto]", Choices.XdpModes);

    private readonly Option<bool> _noNeedWakeup = Args.Switch("--no-need-wakeup", "Do without need-wakeup");
    private readonly Option<bool> _scatterGather = Args.Switch("--scatter-gather", "Frames of several chunks");
    private readonly Option<bool> _validateOnly = Args.Switch("--validate-only", "Check only; bind nothing");
    private readonly Option<XskOwner> _owner = Args.Option(
        "--owner", "Who runs the rings: client issues a one-time token [default: data-plane]", Choices.XskOwners);

    private readonly RingOptions _rings = new();
    private readonly BusyPollOptions _busyPoll = new();
    private readonly LabelOption _labels = new();

    internal XskBindCommand(CommandContext context)
        : base("bind", "Bind a socket to a queue")
    {
        _umem = Args.Option("--umem", "UMEM", "Name of the UMEM; not with --owner client", text => text);
        ResourceNames.Complete(_umem, context, ResourceNames.Umems);
        _interface.CompletionSources.Add(_ => LocalNames.Interfaces());
        _netns.CompletionSources.Add(_ => LocalNames.Namespaces());

        Arguments.Add(_name);
        foreach (Option option in new Option[]
                 {
                     _umem, _interface, _ifindex, _netns, _queue, _mode, _xdpMode, _owner,
                 })
        {
            Options.Add(option);
        }

        _rings.AddTo(this);
        _busyPoll.AddTo(this);
        Options.Add(_noNeedWakeup);
        Options.Add(_scatterGather);
        _labels.AddTo(this);
        Options.Add(_validateOnly);
        Validators.Add(RequireOneDevice);
        Validators.Add(RequireUmemOrClient);
        context.Handle(this, async (session, cancel) =>
        {
            BindXskSocketResponse answer = await session.XskSockets.BindXskSocketAsync(
                ToRequest(session.Parsed), session.Once(cancel));
            return answer.LeaseToken is { } token
                ? CommandContext.Print(session, answer, () => LeaseTables.Token(answer.XskSocket, token))
                : CommandContext.Print(session, answer.XskSocket, () => XskTables.One(answer.XskSocket));
        });
    }

    internal BindXskSocketRequest ToRequest(ParseResult parsed)
    {
        var spec = new XskSocketSpec
        {
            Umem = parsed.GetValue(_umem) ?? "",
            Owner = parsed.GetValue(_owner),
            NetworkNamespace = parsed.GetValue(_netns),
            Queue = parsed.GetRequiredValue(_queue),
            Rings = _rings.Read(parsed),
            Mode = parsed.GetValue(_mode),
            XdpMode = parsed.GetValue(_xdpMode),
            NoNeedWakeup = parsed.GetValue(_noNeedWakeup),
            BusyPoll = _busyPoll.Read(parsed),
            ScatterGather = parsed.GetValue(_scatterGather),
        };
        if (parsed.GetValue(_ifindex) is { } ifindex)
        {
            spec.Ifindex = ifindex;
        }
        else
        {
            spec.Interface = parsed.GetRequiredValue(_interface);
        }

        var request = new BindXskSocketRequest
        {
            Name = parsed.GetRequiredValue(_name),
            Spec = spec,
            ValidateOnly = parsed.GetValue(_validateOnly),
        };
        _labels.Fill(parsed, request.Labels);
        return request;
    }

    private void RequireUmemOrClient(CommandResult result)
    {
        bool client = result.GetValue(_owner) == XskOwner.Client;
        if (client == result.GetResult(_umem) is not null)
        {
            result.AddError(client ? "--umem: not with --owner client" : "--umem is required");
        }
    }

    private void RequireOneDevice(CommandResult result)
    {
        bool named = result.GetResult(_interface) is not null;
        bool numbered = result.GetResult(_ifindex) is not null;
        if (named == numbered)
        {
            result.AddError(named ? "give --interface or --ifindex, not both" : "--interface or --ifindex is required");
        }
    }
}
