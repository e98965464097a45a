using System.CommandLine;
using Google.Protobuf;
using Nf.Ctl.Commands;
using Nf.Ctl.Rendering;

namespace Nf.Ctl.Tests.Commands;

/// <summary>Command lines in, requests or exit codes out.</summary>
internal static class CommandLine
{
    /// <summary>The request of a command line.</summary>
    internal static IMessage ToRequest(string line)
    {
        ParseResult parsed = CommandTree.Create(Terminal.None).Parse(Split(line));
        Assert.Empty(parsed.Errors.Select(e => e.Message));
        return parsed.CommandResult.Command switch
        {
            UmemCreateCommand command => command.ToRequest(parsed),
            XskBindCommand command => command.ToRequest(parsed),
            VhostCreateCommand command => command.ToRequest(parsed),
            LinkCreateCommand command => command.ToRequest(parsed),
            BridgeCreateCommand command => command.ToRequest(parsed),
            CpumapCreateCommand command => command.ToRequest(parsed),
            CpumapEntrySetCommand command => command.ToRequest(parsed),
            CpumapEntryDeleteCommand command => command.ToRequest(parsed),
            CpumapProgramLoadCommand command => command.ToRequest(parsed),
            SteerSetCommand command => command.ToRequest(parsed),
            SteerTestCommand command => Assert.Single(command.ToRequests(parsed)),
            NodeCommand command => command.ToRequest(parsed),
            EventsCommand command => command.ToRequest(parsed),
            Command other => throw new ArgumentException($"'{other.Name}' has no request to show"),
        };
    }

    /// <summary>Runs a command line in this process.</summary>
    internal static Task<Result> RunAsync(string line, CancellationToken cancel = default)
    {
        return RunAsync(Split(line), cancel);
    }

    /// <summary>What completion offers at the end of a line.</summary>
    internal static async Task<string> SuggestAsync(string line)
    {
        return (await RunAsync([$"[suggest:{line.Length}]", line], CancellationToken.None)).Output;
    }

    private static async Task<Result> RunAsync(string[] arguments, CancellationToken cancel)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var configuration = new InvocationConfiguration
        {
            Output = output,
            Error = error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        };
        int code = await CommandTree.RunAsync(
            CommandTree.Create(Terminal.None), Terminal.None, arguments, configuration, cancel);
        return new Result(code, output.ToString(), error.ToString());
    }

    /// <summary>The words of a line, as a shell makes them: what stands between single quotes is one.</summary>
    internal static string[] Split(string line) =>
    [
        .. line.Split('\'').SelectMany((part, i) => i % 2 == 1
            ? [part]
            : part.Split(' ', StringSplitOptions.RemoveEmptyEntries)),
    ];

    internal sealed record Result(int Code, string Output, string Error);
}
