using System.Reflection;
using System.Runtime.InteropServices;
using Google.Protobuf.WellKnownTypes;
using Nf.Internal.V1;
using Nf.V1;

namespace Nf.Service;

/// <summary>Describes the node: what this process knows itself, and what the data plane tells.</summary>
internal sealed class NodeDescription(IDataPlane dataPlane, SegmentView segment)
{
    private static readonly string KernelRelease = ReadKernelRelease();

    /// <summary>The version of this program.</summary>
    public static string Version { get; } =
        typeof(NodeDescription).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
            ?.InformationalVersion ?? "0";

    /// <summary>The node now; without a data plane, what can be known without one.</summary>
    public async Task<Node> GetAsync(NetworkNamespace? named, CancellationToken cancel)
    {
        var node = new Node
        {
            Hostname = Environment.MachineName,
            KernelRelease = KernelRelease,
            Architecture = RuntimeInformation.OSArchitecture.ToString().ToLowerInvariant(),
            Version = Version,
            DataPlane = new DataPlane(),
        };
        if (dataPlane.Hello is not { } hello)
        {
            return named is null
                ? node
                : throw new DataPlaneUnavailableException(
                    "the interfaces of another network namespace are told by the data plane, and none is connected");
        }

        try
        {
            Reply reply = await dataPlane.CallAsync(
                new Command { GetInterfaces = new GetInterfaces { NetworkNamespace = named } }, cancel);
            node.Interfaces.Add(reply.Interfaces.Interfaces_);
        }
        catch (DataPlaneUnavailableException) when (named is null)
        {
            return node;
        }

        node.Features.Add(hello.Features);
        node.DataPlane = Describe(hello);
        return node;
    }

    private DataPlane Describe(DataPlaneHello hello)
    {
        var described = new DataPlane
        {
            Connected = true,
            Generation = hello.Generation,
            Pid = hello.Pid,
            Started = hello.Started,
            Version = hello.Version,
            WorkerCpus = { hello.WorkerCpus },
            Adopted = hello.Adopted,
        };
        if (segment.TryRead() is { } snapshot)
        {
            described.HeartbeatAge = Duration.FromTimeSpan(TimeSpan.FromTicks(snapshot.HeartbeatAgeNs / 100));
        }

        return described;
    }

    private static string ReadKernelRelease()
    {
        try
        {
            return File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Environment.OSVersion.Version.ToString();
        }
    }
}
