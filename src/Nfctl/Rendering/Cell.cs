namespace Nf.Ctl.Rendering;

/// <summary>A text of a table. Control characters in it are shown, never obeyed.</summary>
internal readonly record struct Cell
{
    internal Cell(string text, Tone tone = Tone.Plain)
    {
        Text = text.Length == 0 ? "-" : Printable(text);
        Tone = tone;
    }

    internal string Text { get; }

    internal Tone Tone { get; }

    public static implicit operator Cell(string text) => new(text);

    /// <summary>The text with control characters as escapes: a name must not move a terminal's cursor.</summary>
    internal static string Printable(string text)
    {
        return text.Any(char.IsControl)
            ? string.Concat(text.Select(c => char.IsControl(c) ? $"\\x{(int)c:x2}" : c.ToString()))
            : text;
    }
}
