using System.Text.RegularExpressions;

namespace Nf.Tidy.Tests.Rules;

/// <summary>Words and constructs that must not stay in the tree.</summary>
internal static partial class BannedTextRules
{
    private static readonly HashSet<string> Prose = [".md", ".txt"];

    internal static IEnumerable<Violation> Leftovers(SourceFile file) =>
        Prose.Contains(file.Extension) || IsThisProject(file)
            ? []
            : Find(file, LeftoverWords(), "a leftover; finish it or write it down as an issue");

    internal static IEnumerable<Violation> ForeignFunctions(SourceFile file) =>
        !file.IsCSharp || file.IsUnder("src/Linux") || IsThisProject(file)
            ? []
            : Find(file, ForeignFunctionAttributes(), "libc, libbpf and libpcap are declared in src/Linux only");

    internal static IEnumerable<Violation> AsyncVoid(SourceFile file) =>
        !file.IsCSharp || IsThisProject(file)
            ? []
            : Find(file, AsyncVoidMethods(), "nobody can await it, and an exception in it ends the process");

    internal static IEnumerable<Violation> Sleeps(SourceFile file) =>
        !file.IsCSharp || IsThisProject(file)
            ? []
            : Find(file, ThreadSleeps(), "wait for the condition itself, or for a timer one can cancel");

    internal static IEnumerable<Violation> Regions(SourceFile file) =>
        !file.IsCSharp || IsThisProject(file)
            ? []
            : Find(file, RegionDirectives(), "split the type by concern (Type.Concern.cs) instead");

    internal static IEnumerable<Violation> MachinePaths(SourceFile file) =>
        IsThisProject(file) ? [] : Find(file, AbsoluteMachinePaths(), "a path of somebody's machine");

    internal static IEnumerable<Violation> PackageFeeds(SourceFile file) =>
        IsThisProject(file)
            ? []
            : Find(file, PackageFeedHosts(), "which feed packages come from is the machine's business");

    private static IEnumerable<Violation> Find(SourceFile file, Regex pattern, string why)
    {
        foreach (Match match in pattern.Matches(file.Text))
        {
            yield return file.At(file.LineAt(match.Index), $"\"{match.Value.Trim()}\": {why}");
        }
    }

    // The samples that show that each rule can fail live here.
    private static bool IsThisProject(SourceFile file) => file.IsUnder("tests/Tidy.Tests");

    [GeneratedRegex(@"\b(TODO|FIXME|XXX|HACK)\b")]
    private static partial Regex LeftoverWords();

    [GeneratedRegex(@"\[\s*(\w+\.)*(LibraryImport|DllImport)(Attribute)?\s*\(")]
    private static partial Regex ForeignFunctionAttributes();

    [GeneratedRegex(@"\basync\s+void\b")]
    private static partial Regex AsyncVoidMethods();

    [GeneratedRegex(@"\bThread\s*\.\s*Sleep\b")]
    private static partial Regex ThreadSleeps();

    [GeneratedRegex(@"^\s*#region\b", RegexOptions.Multiline)]
    private static partial Regex RegionDirectives();

    [GeneratedRegex(@"(?<![\w.$}/~-])/(work|root|home/\w+|tmp/nf)/")]
    private static partial Regex AbsoluteMachinePaths();

    [GeneratedRegex(
        @"\b[\w.-]*(nuget\.org|npmjs\.(org|com)|pypi\.org|pkgs\.dev\.azure\.com|artifactory|jfrog\.io)\b",
        RegexOptions.IgnoreCase)]
    private static partial Regex PackageFeedHosts();
}
