namespace Nf.Tidy.Tests.Rules;

/// <summary>
/// A script that is run is executable, begins with a bash shebang and stops at the first error. A file that is only
/// sourced has no shebang and begins with "# shellcheck shell=bash".
/// </summary>
internal static class ShellRule
{
    internal const string Shebang = "#!/usr/bin/env bash";
    private const string Sourced = "# shellcheck shell=bash";
    private const string Strict = "set -euo pipefail";
    private const UnixFileMode Executable = UnixFileMode.UserExecute;

    internal static IEnumerable<Violation> Check(SourceFile file)
    {
        string first = file.Lines[0];
        bool bash = file.Extension == ".sh" || (first.StartsWith("#!", StringComparison.Ordinal) &&
            first.EndsWith("sh", StringComparison.Ordinal));
        if (!bash || first == Sourced)
        {
            yield break;
        }

        if (first != Shebang)
        {
            yield return file.At(1, $"a script begins with \"{Shebang}\", a sourced file with \"{Sourced}\"");
        }

        if (!file.Lines.Contains(Strict))
        {
            yield return file.At(1, $"no line \"{Strict}\"");
        }

        if ((file.Mode & Executable) == 0)
        {
            yield return file.At(1, "not executable");
        }
    }
}
