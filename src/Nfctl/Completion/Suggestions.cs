using System.CommandLine;
using System.Globalization;

namespace Nf.Ctl.Completion;

/// <summary>
/// Answers <c>nfctl "[suggest:POSITION]" "LINE"</c>, which completion scripts ask on every Tab: what may stand at the
/// position, one per line. System.CommandLine's own directive offers whatever contains the word, and options among
/// names.
/// </summary>
internal static class Suggestions
{
    private const string Prefix = "[suggest";

    internal static bool IsAsked(IReadOnlyList<string> arguments)
    {
        return arguments.Count > 0 && arguments[0].StartsWith(Prefix, StringComparison.Ordinal);
    }

    internal static void Write(RootCommand root, IReadOnlyList<string> arguments, TextWriter output)
    {
        string line = arguments.Count > 1 ? arguments[1] : "";
        string number = arguments[0][Prefix.Length..].Trim(':', ']');
        bool isGiven = int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int position);
        line = isGiven && position < line.Length ? line[..position] : line;

        string word = line[(line.LastIndexOf(' ') + 1)..];
        IEnumerable<string> words = root.Parse(line).GetCompletions(line.Length)
            .Select(c => c.Label)
            .Where(label => label.StartsWith(word, StringComparison.Ordinal))
            .Where(label => word.StartsWith('-') || !label.StartsWith('-'))
            .Distinct();
        foreach (string candidate in words)
        {
            output.WriteLine(candidate);
        }
    }
}
