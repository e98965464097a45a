using System.CommandLine;
using Nf.Ctl.Parsing;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl vhost create</c>. What is not given is left to the service's defaults.</summary>
internal sealed class VhostCreateCommand : Command
{
    private readonly Argument<string> _name = Args.Name("Name of the device");
    private readonly Option<string> _socket =
        Args.Option("--socket", "PATH", "Socket for the front-end, as the data plane sees it", FullPath).Required();

    private readonly Option<bool> _client = Args.Switch(
        "--client", "Connect to a front-end that listens, instead of listening for one");

    private readonly Option<uint?> _queuePairs =
        Args.Option("--queue-pairs", "N", "Queue pairs offered [default: 1]", Numbers.Positive);

    private readonly Option<uint?> _queueSizeMax =
        Args.Option("--queue-size-max", "N", "Most entries of a ring [default: 1024]", Numbers.Positive);

    private readonly Option<VhostFeatures> _without = Args.Option(
        "--without", "FEATURE[,…]", $"Do not offer: {string.Join(", ", VhostFeatureNames.Names)}",
        VhostFeatureNames.ParseWithout);

    private readonly Option<uint?> _mtu =
        Args.Option("--mtu", "BYTES", "MTU that the guest is told [default: none]", Numbers.Positive);

    private readonly Option<string> _mac =
        Args.Option("--mac", "MAC", "MAC address that the guest is told [default: the front-end's]", text => text);

    private readonly Option<uint?> _cpu = Args.Option(
        "--cpu", "N", "CPU whose worker serves it [default: the data plane chooses]", Numbers.OptionalUInt32);

    private readonly Option<uint> _socketMode =
        Args.Option("--socket-mode", "MODE", "Mode of the socket file, octal [default: 0660]", Numbers.Mode);

    private readonly Option<bool> _validateOnly = Args.Switch("--validate-only", "Check only; create nothing");
    private readonly LabelOption _labels = new();

    internal VhostCreateCommand(CommandContext context)
        : base("create", "Create a device and its socket")
    {
        Arguments.Add(_name);
        _without.CompletionSources.Add(_ => VhostFeatureNames.Names);
        foreach (Option option in new Option[]
        {
            _socket, _client, _queuePairs, _queueSizeMax, _without, _mtu, _mac, _cpu, _socketMode,
        })
        {
            Options.Add(option);
        }

        _labels.AddTo(this);
        Options.Add(_validateOnly);
        context.Handle(this, async (session, cancel) =>
        {
            CreateVhostDeviceResponse answer = await session.VhostDevices.CreateVhostDeviceAsync(
                ToRequest(session.Parsed), session.Once(cancel));
            return CommandContext.Print(session, answer.VhostDevice, () => VhostTables.One(answer.VhostDevice));
        });
    }

    internal CreateVhostDeviceRequest ToRequest(ParseResult parsed)
    {
        var spec = new VhostDeviceSpec
        {
            SocketPath = parsed.GetRequiredValue(_socket),
            Role = parsed.GetValue(_client) ? VhostRole.Client : VhostRole.Unspecified,
            QueuePairs = parsed.GetValue(_queuePairs) ?? 0,
            QueueSizeMax = parsed.GetValue(_queueSizeMax) ?? 0,
            Features = parsed.GetValue(_without),
            MtuBytes = parsed.GetValue(_mtu) ?? 0,
            Mac = parsed.GetValue(_mac) ?? "",
            SocketMode = parsed.GetValue(_socketMode),
        };
        if (parsed.GetValue(_cpu) is { } cpu)
        {
            spec.WorkerCpu = cpu;
        }

        var request = new CreateVhostDeviceRequest
        {
            Name = parsed.GetRequiredValue(_name),
            Spec = spec,
            ValidateOnly = parsed.GetValue(_validateOnly),
        };
        _labels.Fill(parsed, request.Labels);
        return request;
    }

    // The data plane opens the path, and its working directory is not the caller's.
    private static string FullPath(string text) =>
        text.Length > 0 ? Path.GetFullPath(text) : throw new FormatException("the path is empty");
}
