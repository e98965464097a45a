using Nf.V1;

namespace Nf.Ctl.Parsing;

/// <summary>Programs of entries: <c>pass</c>, <c>drop</c>, <c>redirect</c>, or the name of a loaded one.</summary>
internal static class CpumapPrograms
{
    /// <summary>Before the name of a loaded program; needed only where it is that of a builtin.</summary>
    internal const string LoadedPrefix = "loaded:";

    /// <summary>Those that are always there.</summary>
    internal static readonly Choice<BuiltinCpumapProgram> Builtins = new(
        ("pass", BuiltinCpumapProgram.Pass), ("drop", BuiltinCpumapProgram.Drop),
        ("redirect", BuiltinCpumapProgram.Redirect));

    /// <summary>A program without its target.</summary>
    internal static CpumapEntryProgram Parse(string text) =>
        Builtins.Names.Contains(text) ? new CpumapEntryProgram { Builtin = Builtins.Parse(text) }
        : new CpumapEntryProgram
        {
            Loaded = text.StartsWith(LoadedPrefix, StringComparison.Ordinal) ? text[LoadedPrefix.Length..] : text,
        };

    /// <summary>One step of a filter program: <c>FILTER -> pass|drop|redirect TARGET</c>.</summary>
    /// <exception cref="FormatException">None.</exception>
    internal static CpumapFilterStep ParseStep(string text)
    {
        const string Arrow = "->";
        int arrow = text.LastIndexOf(Arrow, StringComparison.Ordinal);
        string[] words = arrow < 0
            ? []
            : text[(arrow + Arrow.Length)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string filter = arrow < 0 ? "" : text[..arrow].Trim();
        return words switch
        {
            ["pass" or "drop"] => new CpumapFilterStep { Filter = filter, Action = Builtins.Parse(words[0]) },
            ["redirect", var target] => new CpumapFilterStep
            {
                Filter = filter,
                Action = BuiltinCpumapProgram.Redirect,
                Redirect = RedirectTargets.Parse(target),
            },
            _ => throw new FormatException(
                $"'{text}' is no step; write it like 'udp port 53 -> drop' or '-> redirect vhost:vm1'"),
        };
    }

    /// <summary>What an entry runs, as it is written.</summary>
    internal static string Format(CpumapEntryProgram? program) => program?.ProgramCase switch
    {
        CpumapEntryProgram.ProgramOneofCase.Loaded => program.Loaded,
        CpumapEntryProgram.ProgramOneofCase.Builtin when program.Builtin == BuiltinCpumapProgram.Redirect =>
            $"redirect {RedirectTargets.Format(program.Redirect)}",
        CpumapEntryProgram.ProgramOneofCase.Builtin => program.Builtin.ToString().ToLowerInvariant(),
        _ => "",
    };
}
