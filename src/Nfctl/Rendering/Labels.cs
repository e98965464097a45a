namespace Nf.Ctl.Rendering;

/// <summary>Labels of a resource, in the order of their keys.</summary>
internal static class Labels
{
    internal static void AddTo(Grid fields, IDictionary<string, string> labels)
    {
        if (labels.Count > 0)
        {
            fields.Add("Labels", Join(labels));
        }
    }

    /// <summary><c>a=1, b=2</c></summary>
    internal static string Join(IDictionary<string, string> labels)
    {
        return string.Join(", ", labels.OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => $"{l.Key}={l.Value}"));
    }
}
