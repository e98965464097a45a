using System.CommandLine;
using Grpc.Core;
using Grpc.Health.V1;
using Nf.Ctl.Commands;
using Nf.Ctl.Parsing;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Client;

/// <summary>One run of one command: where it writes, how, and the service it talks to.</summary>
internal sealed class Session : IDisposable
{
    private readonly Lazy<CallInvoker> _invoker;
    private readonly TimeSpan _timeout;

    internal Session(ParseResult parsed, GlobalOptions options, Terminal terminal)
    {
        Parsed = parsed;
        Output = parsed.InvocationConfiguration.Output;
        Error = parsed.InvocationConfiguration.Error;
        Json = options.Output(parsed) == OutputFormat.Json;
        Terminal = options.NoColor(parsed) ? terminal.WithoutColor() : terminal;
        Channel = new ServiceChannel(options.RunFolder(parsed));
        _timeout = options.Timeout(parsed);
        _invoker = new Lazy<CallInvoker>(Channel.CreateCallInvoker);
    }

    internal ParseResult Parsed { get; }

    internal TextWriter Output { get; }

    internal TextWriter Error { get; }

    internal bool Json { get; }

    internal Terminal Terminal { get; }

    internal ServiceChannel Channel { get; }

    internal UmemService.UmemServiceClient Umems => new(_invoker.Value);

    internal XskSocketService.XskSocketServiceClient XskSockets => new(_invoker.Value);

    internal LeaseService.LeaseServiceClient Leases => new(_invoker.Value);

    internal VhostDeviceService.VhostDeviceServiceClient VhostDevices => new(_invoker.Value);

    internal LinkService.LinkServiceClient Links => new(_invoker.Value);

    internal BridgeService.BridgeServiceClient Bridges => new(_invoker.Value);

    internal CpumapService.CpumapServiceClient Cpumaps => new(_invoker.Value);

    internal SteeringService.SteeringServiceClient Steerings => new(_invoker.Value);

    internal NodeService.NodeServiceClient Node => new(_invoker.Value);

    internal Health.HealthClient Health => new(_invoker.Value);

    /// <summary>Options of a call that answers once.</summary>
    /// <param name="cancel">Breaks it off.</param>
    /// <param name="more">Time that the call itself asks for, on top of what any call may take.</param>
    internal CallOptions Once(CancellationToken cancel, TimeSpan? more = null)
    {
        return new CallOptions(
            deadline: DateTime.UtcNow + _timeout + (more ?? TimeSpan.Zero), cancellationToken: cancel);
    }

    /// <summary>Options of a call that goes on until it is broken off.</summary>
    internal static CallOptions Endless(CancellationToken cancel) => new(cancellationToken: cancel);

    public void Dispose() => Channel.Dispose();
}
