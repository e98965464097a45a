namespace Nf.Ctl.Rendering;

/// <summary>A table: what is shown, not how.</summary>
internal sealed class Grid(params Column[] columns)
{
    private readonly List<Cell[]> _rows = [];

    /// <summary>A line above the table; empty for none.</summary>
    internal string Title { get; init; } = "";

    /// <summary>Said in place of a table without rows; empty shows the headers alone.</summary>
    internal string WhenEmpty { get; init; } = "";

    internal IReadOnlyList<Column> Columns => columns;

    internal IReadOnlyList<Cell[]> Rows => _rows;

    /// <summary>A list of fields: names and values, without headers.</summary>
    internal static Grid Fields(string title = "") => new("", "") { Title = title };

    internal Grid Add(params Cell[] cells)
    {
        if (cells.Length != columns.Length)
        {
            throw new ArgumentException($"{cells.Length} cells for {columns.Length} columns", nameof(cells));
        }

        _rows.Add(cells);
        return this;
    }
}
