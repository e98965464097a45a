using System.Diagnostics;

namespace Nf.Linux.Tests.Support;

/// <summary>Runs a program to its end.</summary>
public static class Command
{
    /// <summary>Returns what it wrote; fails the test when its exit code is not zero.</summary>
    public static string Run(string program, params string[] arguments)
    {
        (int exitCode, string output) = TryRun(program, arguments);
        return exitCode == 0
            ? output
            : throw new InvalidOperationException(
                $"{program} {string.Join(' ', arguments)} ended with {exitCode}: {output}");
    }

    /// <summary>Returns the exit code and what it wrote, both streams together.</summary>
    public static (int ExitCode, string Output) TryRun(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;

        // Disposed here: a Process leaves the streams it has given out to the garbage collector.
        using StreamReader outputReader = process.StandardOutput;
        using StreamReader errorReader = process.StandardError;
        Task<string> errors = errorReader.ReadToEndAsync();
        string output = outputReader.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, (output + errors.Result).Trim());
    }
}
