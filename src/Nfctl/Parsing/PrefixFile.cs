using System.Globalization;
using Nf.V1;

namespace Nf.Ctl.Parsing;

/// <summary>A file of prefixes and CPUs: <c>192.0.2.0/24 3</c>, one a line; a '#' begins a remark.</summary>
internal static class PrefixFile
{
    private static readonly char[] Separators = [' ', '\t', ',', ';'];

    /// <summary>The prefixes of a file.</summary>
    /// <exception cref="FormatException">It cannot be read, or a line of it is none.</exception>
    internal static List<CpuPrefix> Read(string path) => Parse(Files.ReadText(path), path);

    /// <summary>The prefixes of a text.</summary>
    /// <param name="text">Lines.</param>
    /// <param name="name">Of the file, for errors.</param>
    internal static List<CpuPrefix> Parse(string text, string name)
    {
        List<CpuPrefix> prefixes = [];
        int number = 0;
        foreach (ReadOnlySpan<char> whole in text.AsSpan().EnumerateLines())
        {
            number++;
            int remark = whole.IndexOf('#');
            string line = (remark < 0 ? whole : whole[..remark]).Trim().ToString();
            if (line.Length == 0)
            {
                continue;
            }

            string[] words = line.Split(
                Separators, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            if (words.Length != 2
                || !uint.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out uint cpu))
            {
                throw new FormatException($"{name}:{number}: '{line}' is not a prefix and a CPU");
            }

            prefixes.Add(new CpuPrefix { Prefix = Whole(words[0]), Cpu = cpu });
        }

        return prefixes.Count > 0 ? prefixes : throw new FormatException($"{name} has no prefixes");
    }

    /// <summary>A prefix; an address alone is one of its full length. The service judges the rest.</summary>
    internal static string Whole(string prefix) => prefix.Contains('/', StringComparison.Ordinal) ? prefix
        : prefix.Contains(':', StringComparison.Ordinal) ? prefix + "/128"
        : prefix + "/32";
}
