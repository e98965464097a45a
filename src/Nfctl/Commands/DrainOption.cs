using System.CommandLine;
using Nf.Ctl.Parsing;

namespace Nf.Ctl.Commands;

/// <summary>How long the old thread of an entry may take to empty its queue.</summary>
internal sealed class DrainOption
{
    private readonly Option<TimeSpan?> _option = Args.Option<TimeSpan?>(
        "--drain-timeout", "TIME", "How long to wait for the old thread to empty its queue [default: 5s]",
        text => Durations.Parse(text));

    internal void AddTo(Command command) => command.Options.Add(_option);

    /// <summary>What is given; null leaves it to the service.</summary>
    internal TimeSpan? Of(ParseResult parsed) => parsed.GetValue(_option);
}
