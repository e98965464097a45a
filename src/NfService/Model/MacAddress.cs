namespace Nf.Service;

/// <summary>MAC addresses as text.</summary>
internal static class MacAddress
{
    private const int Bytes = 6;

    /// <summary>Reads six pairs of hexadecimal digits with colons between.</summary>
    /// <returns>The six bytes, or null when it is something else.</returns>
    public static byte[]? TryParse(string text)
    {
        string[] parts = text.Split(':');
        return parts.Length == Bytes && parts.All(part => part.Length == 2 && part.All(char.IsAsciiHexDigit))
            ? Array.ConvertAll(parts, part => Convert.ToByte(part, 16))
            : null;
    }

    /// <summary>Whether a text is an address as this service writes it: in lower case.</summary>
    public static bool IsCanonical(string text) => TryParse(text) is not null && !text.Any(char.IsAsciiLetterUpper);
}
