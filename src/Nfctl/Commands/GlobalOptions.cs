using System.CommandLine;
using Nf.Ctl.Parsing;

namespace Nf.Ctl.Commands;

/// <summary>The options every command takes.</summary>
internal sealed class GlobalOptions
{
    /// <summary>Where the service's sockets are when neither --run nor NF_RUN says otherwise.</summary>
    internal const string DefaultRunFolder = "/run/nf";

    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(10);

    private readonly Option<string> _run = Args.Option(
        "--run", "DIR", $"Run directory of the service [default: $NF_RUN or {DefaultRunFolder}]", text => text);

    private readonly Option<TimeSpan> _timeout = Args.Option(
        "--timeout", "TIME", "How long a call may take [default: 10s]", Durations.Parse);

    private readonly Option<OutputFormat> _output = Args.Option(
        "--output", "Tables for people or protobuf JSON for programs [default: table]", Choices.Output);

    private readonly Option<bool> _noColor = Args.Switch("--no-color", "No colours (NO_COLOR does the same)");

    internal void AddTo(Command root)
    {
        _output.Aliases.Add("-o");
        foreach (Option option in new Option[] { _run, _timeout, _output, _noColor })
        {
            option.Recursive = true;
            root.Options.Add(option);
        }
    }

    internal string RunFolder(ParseResult parsed)
    {
        string? folder = parsed.GetValue(_run);
        folder = string.IsNullOrEmpty(folder) ? Environment.GetEnvironmentVariable("NF_RUN") : folder;
        return string.IsNullOrEmpty(folder) ? DefaultRunFolder : folder;
    }

    internal TimeSpan Timeout(ParseResult parsed)
    {
        TimeSpan timeout = parsed.GetValue(_timeout);
        return timeout == TimeSpan.Zero ? DefaultTimeout : timeout;
    }

    internal OutputFormat Output(ParseResult parsed) => parsed.GetValue(_output);

    internal bool NoColor(ParseResult parsed) => parsed.GetValue(_noColor);
}
