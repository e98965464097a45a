using System.CommandLine;
using System.CommandLine.Completions;
using Grpc.Core;
using Nf.Ctl.Client;
using Nf.Ctl.Commands;
using Nf.V1;

namespace Nf.Ctl.Completion;

/// <summary>Names of what the service has, for shell completion.</summary>
internal static class ResourceNames
{
    // A shell waits for this on every Tab: a service that hangs costs no more; one that is away costs nothing.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    internal static IEnumerable<string> Umems(CallInvoker service, DateTime deadline)
    {
        return new UmemService.UmemServiceClient(service)
            .ListUmems(new ListUmemsRequest(), deadline: deadline).Umems.Select(u => u.Name);
    }

    internal static IEnumerable<string> XskSockets(CallInvoker service, DateTime deadline)
    {
        return new XskSocketService.XskSocketServiceClient(service)
            .ListXskSockets(new ListXskSocketsRequest(), deadline: deadline).XskSockets.Select(s => s.Name);
    }

    internal static IEnumerable<string> VhostDevices(CallInvoker service, DateTime deadline)
    {
        return new VhostDeviceService.VhostDeviceServiceClient(service)
            .ListVhostDevices(new ListVhostDevicesRequest(), deadline: deadline).VhostDevices.Select(d => d.Name);
    }

    /// <summary>What an end of a link or bridge can be: sockets, and devices as they are written there.</summary>
    internal static IEnumerable<string> Endpoints(CallInvoker service, DateTime deadline)
    {
        return XskSockets(service, deadline)
            .Concat(VhostDevices(service, deadline).Select(name => Parsing.Endpoints.VhostPrefix + name));
    }

    internal static IEnumerable<string> Bridges(CallInvoker service, DateTime deadline)
    {
        return new BridgeService.BridgeServiceClient(service)
            .ListBridges(new ListBridgesRequest(), deadline: deadline).Bridges.Select(b => b.Name);
    }

    internal static IEnumerable<string> Links(CallInvoker service, DateTime deadline)
    {
        return new LinkService.LinkServiceClient(service)
            .ListLinks(new ListLinksRequest(), deadline: deadline).Links.Select(l => l.Name);
    }

    internal static IEnumerable<string> Cpumaps(CallInvoker service, DateTime deadline)
    {
        return new CpumapService.CpumapServiceClient(service)
            .ListCpumaps(new ListCpumapsRequest(), deadline: deadline).Cpumaps.Select(c => c.Name);
    }

    internal static IEnumerable<string> CpumapPrograms(CallInvoker service, DateTime deadline)
    {
        return new CpumapService.CpumapServiceClient(service)
            .ListCpumapPrograms(new ListCpumapProgramsRequest(), deadline: deadline).Programs.Select(p => p.Name);
    }

    internal static IEnumerable<string> Steerings(CallInvoker service, DateTime deadline)
    {
        return new SteeringService.SteeringServiceClient(service)
            .ListSteerings(new ListSteeringsRequest(), deadline: deadline).Steerings.Select(s => s.Name);
    }

    /// <summary>What a program can redirect to: sockets, devices and interfaces, as written there.</summary>
    internal static IEnumerable<string> RedirectTargets(CallInvoker service, DateTime deadline)
    {
        return XskSockets(service, deadline).Select(name => Parsing.RedirectTargets.XskPrefix + name)
            .Concat(VhostDevices(service, deadline).Select(name => Parsing.Endpoints.VhostPrefix + name))
            .Concat(LocalNames.Interfaces());
    }

    internal static Argument<string> Complete(
        Argument<string> argument, CommandContext context, Func<CallInvoker, DateTime, IEnumerable<string>> names)
    {
        argument.CompletionSources.Add(completion => Ask(completion, context, names));
        return argument;
    }

    internal static void Complete(
        Option option, CommandContext context, Func<CallInvoker, DateTime, IEnumerable<string>> names)
    {
        option.CompletionSources.Add(completion => Ask(completion, context, names).Select(n => new CompletionItem(n)));
    }

    private static IEnumerable<string> Ask(
        CompletionContext completion, CommandContext context, Func<CallInvoker, DateTime, IEnumerable<string>> names)
    {
        try
        {
            using var channel = new ServiceChannel(context.Options.RunFolder(completion.ParseResult));
            return [.. names(channel.CreateCallInvoker(), DateTime.UtcNow + Patience)];
        }
        catch (RpcException)
        {
            // Nothing to offer is the right answer of a completion that cannot ask.
            return [];
        }
    }
}
