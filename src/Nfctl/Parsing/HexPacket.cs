namespace Nf.Ctl.Parsing;

/// <summary>A packet in hexadecimal, as dumps show it.</summary>
internal static class HexPacket
{
    /// <summary><c>ffffffffffff0200…</c>; colons, blanks and line breaks between bytes are ignored.</summary>
    /// <exception cref="FormatException">Something else, or half a byte.</exception>
    internal static byte[] Parse(string text)
    {
        string digits = string.Concat(text.Where(c => !char.IsWhiteSpace(c) && c != ':'));
        try
        {
            return Convert.FromHexString(digits);
        }
        catch (FormatException e)
        {
            string shown = text.Length <= 40 ? text : text[..40] + "…";
            throw new FormatException($"'{shown}' is no packet in hexadecimal", e);
        }
    }
}
