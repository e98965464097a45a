namespace Nf.Ctl.Parsing;

/// <summary>Values that are several.</summary>
internal static class Lists
{
    /// <summary>Names separated by commas: <c>left-0,left-1</c>.</summary>
    /// <exception cref="FormatException">An empty name.</exception>
    internal static string[] Names(string text)
    {
        string[] names = text.Split(',', StringSplitOptions.TrimEntries);
        return names.All(n => n.Length > 0)
            ? names
            : throw new FormatException($"'{text}' has an empty name; write names separated by commas");
    }

    /// <summary>A label: <c>pod=web-0</c>. The value may be empty and may contain '='.</summary>
    /// <exception cref="FormatException">No '=' or an empty key.</exception>
    internal static KeyValuePair<string, string> Label(string text)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals > 0
            ? new(text[..equals], text[(equals + 1)..])
            : throw new FormatException($"'{text}' is no label; write it like pod=web-0");
    }
}
