using System.Text;
using System.Text.RegularExpressions;

namespace Nf.Service;

/// <summary>Rules for the labels of a resource: they become label names and values of info metrics.</summary>
internal static partial class LabelRules
{
    /// <summary>Most labels of a resource. Arbitrary: a pod has fewer, a scrape stays small.</summary>
    public const int CountMax = 32;

    /// <summary>Most bytes of a value in UTF-8. Arbitrary.</summary>
    public const int ValueBytesMax = 256;

    /// <summary>Notes every fault of a label map.</summary>
    public static void Check(SpecFaults faults, IEnumerable<KeyValuePair<string, string>> labels)
    {
        int count = 0;
        foreach ((string key, string value) in labels)
        {
            count++;
            string shown = key.Length <= 64 ? key : key[..64] + "…";
            string field = $"labels[{shown}]";
            faults.Require(
                Key().IsMatch(key), field, $"the key \"{shown}\" does not match [a-zA-Z_][a-zA-Z0-9_]{{0,62}}");
            int bytes = Encoding.UTF8.GetByteCount(value);
            faults.Require(
                bytes <= ValueBytesMax, field, $"the value has {bytes} bytes, at most {ValueBytesMax} are allowed");
        }

        faults.Require(count <= CountMax, "labels", $"{count} labels, at most {CountMax} are allowed");
    }

    [GeneratedRegex(@"^[a-zA-Z_][a-zA-Z0-9_]{0,62}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Key();
}
