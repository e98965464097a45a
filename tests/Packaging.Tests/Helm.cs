using System.Diagnostics;

namespace Nf.Packaging.Tests;

/// <summary>Runs helm on the chart, through the script that gets it.</summary>
internal static class Helm
{
    private const int TimeoutMs = 120_000;

    internal static string Root { get; } = FindRoot();

    internal static string ChartFolder { get; } = Path.Combine(Root, "helm/nf-service");

    /// <summary><c>helm template</c> with some values.</summary>
    /// <param name="arguments">More options, such as <c>--set</c> and its value.</param>
    /// <returns>Exit code, and what it printed on each stream.</returns>
    internal static (int Code, string Output, string Errors) Template(params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(Root, "eng/helm.sh"))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in
            new[] { "template", "release", "helm/nf-service", "--namespace", "packets" }.Concat(arguments))
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(TimeoutMs), "helm does not end");
        return (process.ExitCode, output, errors.GetAwaiter().GetResult());
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "NfService.sln")))
            {
                return at.FullName;
            }
        }

        throw new InvalidOperationException($"no NfService.sln above {AppContext.BaseDirectory}");
    }
}
