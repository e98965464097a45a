using System.CommandLine;
using Nf.Ctl.Parsing;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary>The sizes of a socket's four rings, in entries.</summary>
internal sealed class RingOptions
{
    private readonly Option<uint?> _rx =
        Args.Option("--rx", "N", "Entries of the RX ring [default: 2048]", Numbers.Positive);

    private readonly Option<uint?> _tx =
        Args.Option("--tx", "N", "Entries of the TX ring [default: 2048]", Numbers.Positive);

    private readonly Option<uint?> _fill =
        Args.Option("--fill", "N", "Entries of the fill ring [default: 4096]", Numbers.Positive);

    private readonly Option<uint?> _completion =
        Args.Option("--completion", "N", "Entries of the completion ring [default: 2048]", Numbers.Positive);

    internal void AddTo(Command command)
    {
        foreach (Option option in new[] { _rx, _tx, _fill, _completion })
        {
            command.Options.Add(option);
        }
    }

    /// <summary>What was asked for; null when nothing was.</summary>
    internal RingSizes? Read(ParseResult parsed)
    {
        var sizes = new RingSizes
        {
            Rx = parsed.GetValue(_rx) ?? 0,
            Tx = parsed.GetValue(_tx) ?? 0,
            Fill = parsed.GetValue(_fill) ?? 0,
            Completion = parsed.GetValue(_completion) ?? 0,
        };
        return sizes.Equals(new RingSizes()) ? null : sizes;
    }
}
