using System.Text.RegularExpressions;

namespace Nf.Service;

/// <summary>A name that a client chose for a resource.</summary>
internal readonly partial record struct ResourceName : IComparable<ResourceName>
{
    /// <summary>The rule, as the protos write it.</summary>
    public const string Rule = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";

    private ResourceName(string value) => Value = value;

    /// <summary>The name.</summary>
    public string Value { get; }

    /// <summary>A name from a request that has nothing else to check.</summary>
    /// <exception cref="InvalidSpecException">It breaks the rule.</exception>
    public static ResourceName Parse(string value, string field = "name")
    {
        var faults = new SpecFaults();
        ResourceName name = Check(faults, field, value);
        faults.ThrowIfAny();
        return name;
    }

    /// <summary>A name from a request; meaningless when a fault was noted.</summary>
    public static ResourceName Check(SpecFaults faults, string field, string value)
    {
        faults.Require(IsValid(value), field, $"\"{Shorten(value)}\" does not match {Rule}");
        return new ResourceName(value);
    }

    /// <summary>Whether a text is a name.</summary>
    public static bool IsValid(string value) => Pattern().IsMatch(value);

    public int CompareTo(ResourceName other) => string.CompareOrdinal(Value, other.Value);

    public override string ToString() => Value;

    // A stranger's text goes into a message only in part.
    private static string Shorten(string value) => value.Length <= 80 ? value : value[..80] + "…";

    [GeneratedRegex("^(?:" + Rule + @")\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
