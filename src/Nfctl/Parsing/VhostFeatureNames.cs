using Nf.V1;

namespace Nf.Ctl.Parsing;

/// <summary>What a vhost-user device may be told not to offer.</summary>
internal static class VhostFeatureNames
{
    private static readonly (string Name, Action<VhostFeatures> TurnOff)[] All =
    [
        ("mergeable", f => f.Mergeable = false),
        ("packed", f => f.Packed = false),
        ("indirect", f => f.Indirect = false),
        ("event-index", f => f.EventIndex = false),
        ("in-order", f => f.InOrder = false),
        ("checksum", f => f.Checksum = false),
        ("segmentation", f => f.Segmentation = false),
        ("dirty-log", f => f.DirtyLog = false),
    ];

    /// <summary>Every name.</summary>
    internal static IEnumerable<string> Names => All.Select(f => f.Name);

    /// <summary>Features without those of a list such as <c>packed,in-order</c>; the service decides on the rest.
    /// </summary>
    /// <exception cref="FormatException">An unknown name.</exception>
    internal static VhostFeatures ParseWithout(string text)
    {
        var features = new VhostFeatures();
        foreach (string name in Lists.Names(text))
        {
            Action<VhostFeatures> turnOff = Array.Find(All, f => f.Name == name).TurnOff
                ?? throw new FormatException($"'{name}' is none of {string.Join(", ", Names)}");
            turnOff(features);
        }

        return features;
    }
}
