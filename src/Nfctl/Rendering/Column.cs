namespace Nf.Ctl.Rendering;

/// <summary>A column: its header, and whether its numbers line up on the right.</summary>
internal readonly record struct Column(string Header, bool Right = false)
{
    /// <summary>A header; one that begins with '>' is of a column of numbers, which line up on the right.</summary>
    public static implicit operator Column(string header)
    {
        return header.StartsWith('>') ? new(header[1..], Right: true) : new(header);
    }
}
