using System.Reflection;

namespace Nf.EndToEnd.Tests.Support;

/// <summary>Where things are: the repository, the programs of this build, the traffic tools.</summary>
internal static class Layout
{
    /// <summary>The root of the repository.</summary>
    internal static string Root { get; } = Metadata("RepositoryRoot");

    /// <summary>Our protos.</summary>
    internal static string Protos { get; } = Path.Combine(Root, "protos");

    /// <summary>What foreign clients need besides our protos.</summary>
    internal static string Tools { get; } = Path.Combine(Root, "tests", "tools");

    private static readonly Lazy<Task<string>> TrafficTools = new(BuildTrafficToolsAsync);

    /// <summary>The command that starts a program of this build: its apphost, or dotnet and its assembly.</summary>
    internal static string[] Program(string project, string name)
    {
        string host = ProgramPath(project, name);
        return host.EndsWith(".dll", StringComparison.Ordinal) ? ["dotnet", host] : [host];
    }

    /// <summary>The apphost of a program, or its assembly where there is no apphost.</summary>
    internal static string ProgramPath(string project, string name)
    {
        string host = Path.Combine(Root, "artifacts", "bin", project, Metadata("BuildConfiguration"), name);
        string path = File.Exists(host) ? host : host + ".dll";
        return File.Exists(path) ? path : throw new FileNotFoundException($"{host} is not built");
    }

    /// <summary>The path of a traffic tool of bench/c, built on first use.</summary>
    internal static async Task<string> ToolAsync(string name) => Path.Combine(await TrafficTools.Value, name);

    private static async Task<string> BuildTrafficToolsAsync()
    {
        string folder = Path.Combine(Root, "bench", "c");
        await Shell.RunAsync("make", "-s", "-C", folder);
        return Path.Combine(folder, "out");
    }

    private static string Metadata(string key)
    {
        return typeof(Layout).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(attribute => attribute.Key == key).Value!;
    }
}
