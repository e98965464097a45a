using Nf.V1;

namespace Nf.Ctl.Parsing;

/// <summary>How a frame's CPU is chosen: <c>hash</c>, <c>round-robin</c>, <c>l4-port</c>, <c>source-prefix</c>,
/// <c>cpu=N</c>.</summary>
internal static class Selections
{
    /// <summary>The selection by the prefixes of a file.</summary>
    internal const string SourcePrefix = "source-prefix";

    /// <summary>The words, for help and errors.</summary>
    internal const string Words = "hash, round-robin, l4-port, source-prefix, cpu=N";

    private const string CpuPrefix = "cpu=";

    private static readonly (string Word, CpuSelectionKind Kind)[] Kinds =
    [
        ("hash", CpuSelectionKind.FlowHash), ("round-robin", CpuSelectionKind.RoundRobin),
        ("l4-port", CpuSelectionKind.L4Port), (SourcePrefix, CpuSelectionKind.SourcePrefix),
    ];

    /// <summary>A selection; the prefixes of source-prefix come later, from their file.</summary>
    /// <exception cref="FormatException">None of the words.</exception>
    internal static CpuSelection Parse(string text) => TryParse(text)
        ?? throw new FormatException($"'{text}' is no selection; choose one of {Words}");

    /// <summary>A selection, or null when it is something else.</summary>
    /// <exception cref="FormatException">A CPU that is no number.</exception>
    internal static CpuSelection? TryParse(string text)
    {
        if (text.StartsWith(CpuPrefix, StringComparison.Ordinal))
        {
            return new CpuSelection
            {
                Kind = CpuSelectionKind.Fixed,
                Cpu = Numbers.UInt32(text[CpuPrefix.Length..]),
            };
        }

        CpuSelectionKind kind = Array.Find(Kinds, k => k.Word == text).Kind;
        return kind == CpuSelectionKind.Unspecified ? null : new CpuSelection { Kind = kind };
    }

    /// <summary>A selection as it is written.</summary>
    internal static string Format(CpuSelection? selection)
    {
        CpuSelectionKind kind = selection?.Kind ?? CpuSelectionKind.FlowHash;
        return kind == CpuSelectionKind.Fixed
            ? $"{CpuPrefix}{selection!.Cpu}"
            : Array.Find(Kinds, k => k.Kind == kind).Word ?? Kinds[0].Word;
    }
}
