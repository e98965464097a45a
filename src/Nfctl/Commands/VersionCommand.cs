using System.CommandLine;
using System.Reflection;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl version</c>: of this program, and of the service when it answers.</summary>
internal sealed class VersionCommand : Command
{
    internal VersionCommand(CommandContext context)
        : base("version", "Show the versions of nfctl, nf-service and the data plane")
    {
        context.Handle(this, async (session, cancel) =>
        {
            Node? node = null;
            try
            {
                node = (await session.Node.GetNodeAsync(new GetNodeRequest(), session.Once(cancel))).Node;
            }
            catch (RpcException) when (!cancel.IsCancellationRequested)
            {
                // This program's own version is an answer without a service too.
            }

            var versions = new Struct();
            versions.Fields["nfctl"] = Value.ForString(Own);
            versions.Fields["nf-service"] = ValueOf(node?.Version);
            versions.Fields["nf-dataplane"] = ValueOf(node?.DataPlane?.Version);
            Grid grid = Grid.Fields();
            foreach ((string program, Value version) in versions.Fields)
            {
                grid.Add(program, version.HasStringValue ? version.StringValue : "unreachable");
            }

            return CommandContext.Print(session, versions, () => [grid]);
        });
    }

    /// <summary>The version of this program with its revision.</summary>
    internal static string Own { get; } = typeof(VersionCommand).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    private static Value ValueOf(string? version)
    {
        return string.IsNullOrEmpty(version) ? Value.ForNull() : Value.ForString(version);
    }
}
