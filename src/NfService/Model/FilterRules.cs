namespace Nf.Service;

/// <summary>The rules of a pcap filter expression that need no compiler.</summary>
internal static class FilterRules
{
    /// <summary>Characters at most. Arbitrary: longer than people write, shorter than what hurts.</summary>
    public const int CharsMax = 4096;

    /// <summary>Notes every fault of an expression.</summary>
    public static void Check(SpecFaults faults, string field, string filter)
    {
        faults.Require(
            filter.Length <= CharsMax, field, $"has {filter.Length} characters, at most {CharsMax} are allowed");
        faults.Require(!filter.Contains('\0'), field, "contains a zero character");
    }
}
