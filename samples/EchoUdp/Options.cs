using Nf.Client;
using Nf.Linux;
using Nf.SharedMemory.Broker;

namespace Nf.Samples.EchoUdp;

/// <summary>The command line: names with values, and names alone.</summary>
internal static class Options
{
    internal static Dictionary<string, string> Parse(string[] args)
    {
        var options = new Dictionary<string, string>();
        for (int i = 0; i < args.Length; i++)
        {
            bool hasValue = i + 1 < args.Length && !args[i + 1].StartsWith("--", StringComparison.Ordinal);
            options[args[i].TrimStart('-')] = hasValue ? args[++i] : "";
        }

        return options;
    }

    /// <summary>Where the interface is; null for the data plane's namespace.</summary>
    internal static NetworkNamespace? Network(Dictionary<string, string> options) =>
        options.GetValueOrDefault("netns") switch
        {
            null => null,
            "own" => NetworkNamespace.OpenCurrent(),
            string path => NetworkNamespace.OpenPath(path),
        };

    internal static LeaseOptions Lease(Dictionary<string, string> options, NetworkNamespace? network) => new()
    {
        Interface = options["interface"],
        Network = network,
        Queue = uint.Parse(options.GetValueOrDefault("queue", "0")),
        Memory = options.ContainsKey("own") ? LeaseMemoryKind.Own : LeaseMemoryKind.Service,
        KeepFor = TimeSpan.FromSeconds(int.Parse(options.GetValueOrDefault("keep", "0"))),
        ChunkCount = uint.Parse(options.GetValueOrDefault("frames", "4096")),
    };
}
