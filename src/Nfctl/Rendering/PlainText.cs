namespace Nf.Ctl.Rendering;

/// <summary>Tables as aligned plain text, for pipes and files: no frames, no colours, no wrapping.</summary>
internal static class PlainText
{
    private const string Gap = "  ";

    internal static void Write(TextWriter output, IReadOnlyList<Grid> grids)
    {
        for (int i = 0; i < grids.Count; i++)
        {
            if (i > 0)
            {
                output.WriteLine();
            }

            Write(output, grids[i]);
        }
    }

    private static void Write(TextWriter output, Grid grid)
    {
        if (grid.Title.Length > 0)
        {
            output.WriteLine(grid.Title);
        }

        if (grid.Rows.Count == 0 && grid.WhenEmpty.Length > 0)
        {
            output.WriteLine(grid.WhenEmpty);
            return;
        }

        int[] widths =
            [.. grid.Columns.Select((c, i) => grid.Rows.Select(r => r[i].Text.Length).Append(c.Header.Length).Max())];
        if (grid.Columns.Any(c => c.Header.Length > 0))
        {
            WriteLine(output, grid, widths, [.. grid.Columns.Select(c => c.Header)]);
        }

        foreach (Cell[] row in grid.Rows)
        {
            WriteLine(output, grid, widths, [.. row.Select(c => c.Text)]);
        }
    }

    private static void WriteLine(TextWriter output, Grid grid, int[] widths, string[] texts)
    {
        IEnumerable<string> padded = texts.Select(
            (text, i) => grid.Columns[i].Right ? text.PadLeft(widths[i]) : text.PadRight(widths[i]));
        output.WriteLine(string.Join(Gap, padded).TrimEnd());
    }
}
