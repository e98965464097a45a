using System.Diagnostics;

namespace Nf.EndToEnd.Tests.Support;

/// <summary>What a finished command said.</summary>
internal sealed record ShellResult(int ExitCode, string Output, string Error);

/// <summary>Runs commands to their end.</summary>
internal static class Shell
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    /// <summary>Runs a command that must succeed and returns what it wrote.</summary>
    internal static async Task<string> RunAsync(params string[] command)
    {
        ShellResult result = await TryAsync(command);
        if (result.ExitCode != 0)
        {
            throw new InvalidOperationException(
                $"{string.Join(' ', command)}: exit code {result.ExitCode}\n{result.Error}{result.Output}");
        }

        return result.Output;
    }

    /// <summary>Runs a command whatever its exit code.</summary>
    internal static async Task<ShellResult> TryAsync(params string[] command)
    {
        using Process process = Start(command);
        process.StandardInput.Close();
        using var deadline = new CancellationTokenSource(Patience);
        Task<string> output = process.StandardOutput.ReadToEndAsync(deadline.Token);
        Task<string> error = process.StandardError.ReadToEndAsync(deadline.Token);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
            return new ShellResult(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new TimeoutException($"{string.Join(' ', command)} did not end within {Patience}");
        }
    }

    /// <summary>Starts a command with all three streams redirected.</summary>
    internal static Process Start(params string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start) ?? throw new InvalidOperationException($"{command[0]} did not start");
    }

    /// <summary>Sends a signal to one process.</summary>
    internal static Task SignalAsync(string signal, int pid) =>
        TryAsync("kill", $"-{signal}", pid.ToString(System.Globalization.CultureInfo.InvariantCulture));
}
