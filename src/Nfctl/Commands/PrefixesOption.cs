using System.CommandLine;
using Nf.Ctl.Parsing;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary>The file of prefixes that selections of the kind source-prefix go by.</summary>
internal sealed class PrefixesOption
{
    private readonly Option<List<CpuPrefix>> _option = Args.Option(
        "--prefixes", "FILE", "Prefixes and CPUs for source-prefix: '192.0.2.0/24 3', one a line", PrefixFile.Read);

    internal void AddTo(Command command) => command.Options.Add(_option);

    /// <summary>Whether a file is given.</summary>
    internal bool IsGiven(ParseResult parsed) => parsed.GetResult(_option) is not null;

    /// <summary>Puts the prefixes into every selection that wants some and has none.</summary>
    internal void Fill(ParseResult parsed, IEnumerable<CpuSelection?> selections)
    {
        if (parsed.GetValue(_option) is not { } prefixes)
        {
            return;
        }

        foreach (CpuSelection? selection in selections)
        {
            if (selection is { Kind: CpuSelectionKind.SourcePrefix, Prefixes.Count: 0 })
            {
                selection.Prefixes.Add(prefixes);
            }
        }
    }
}
