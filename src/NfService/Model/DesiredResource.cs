using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Nf.Service;

/// <summary>A resource as it was asked for: valid, with its defaults filled in, and never changed.</summary>
internal abstract class DesiredResource(string type, ResourceName name, IReadOnlyDictionary<string, string> labels)
{
    public const string UmemType = "umem";
    public const string XskSocketType = "xsk_socket";
    public const string VhostDeviceType = "vhost_device";
    public const string LinkType = "link";
    public const string BridgeType = "bridge";
    public const string CpumapType = "cpumap";
    public const string CpumapProgramType = "cpumap_program";
    public const string SteeringType = "steering";

    // Of a value in a message. Arbitrary: a prefix table has megabytes, and nobody reads them in a log.
    private const int ValueCharsMax = 300;

    /// <summary>The type as events and errors name it.</summary>
    public string Type { get; } = type;

    /// <summary>The name.</summary>
    public ResourceName Name { get; } = name;

    /// <summary>Labels of the caller.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; } = labels;

    /// <summary>The normalised spec, for comparison only.</summary>
    protected abstract IMessage SpecMessage { get; }

    /// <summary>What differs between this resource, which exists, and one of the same name that is asked for.</summary>
    /// <returns>Text for people, or null when the two are equal.</returns>
    public string? DifferenceFrom(DesiredResource asked)
    {
        var differences = new List<string>();
        foreach (FieldDescriptor field in SpecMessage.Descriptor.Fields.InFieldNumberOrder())
        {
            object? have = Value(field, SpecMessage);
            object? want = Value(field, asked.SpecMessage);
            if (!Equals(have, want) && !asked.LeavesOpen(field, want))
            {
                differences.Add($"spec.{field.Name} is {Show(have)}, asked for {Show(want)}");
            }
        }

        foreach (string key in Labels.Keys.Union(asked.Labels.Keys).Order(StringComparer.Ordinal))
        {
            string? have = Labels.GetValueOrDefault(key);
            string? want = asked.Labels.GetValueOrDefault(key);
            if (have != want)
            {
                differences.Add($"labels[{key}] is {Quote(have)}, asked for {Quote(want)}");
            }
        }

        return differences.Count == 0 ? null : string.Join("; ", differences);
    }

    /// <summary>Whether a field of this resource, which is asked for, leaves its value to the data plane: whatever that
    /// chose is equal to it.</summary>
    protected virtual bool LeavesOpen(FieldDescriptor field, object? value) => false;

    /// <summary>A copy of a label map that nobody else changes.</summary>
    protected static Dictionary<string, string> Copy(IDictionary<string, string> labels) =>
        new(labels, StringComparer.Ordinal);

    private static object? Value(FieldDescriptor field, IMessage message) =>
        field.HasPresence && !field.Accessor.HasValue(message) ? null : field.Accessor.GetValue(message);

    private static string Show(object? value) => value switch
    {
        null => "unset",
        IMessage large when large.CalculateSize() > ValueCharsMax => $"a value of {large.CalculateSize()} bytes",
        System.Collections.ICollection { Count: > 1 } several => $"{several.Count} values",
        _ => value.ToString() is { Length: > ValueCharsMax } text ? text[..ValueCharsMax] + "…" : $"{value}",
    };

    private static string Quote(string? value) => value is null ? "unset" : $"\"{value}\"";
}
