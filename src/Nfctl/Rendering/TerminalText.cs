using Spectre.Console;
using Spectre.Console.Rendering;

namespace Nf.Ctl.Rendering;

/// <summary>Tables for a terminal, drawn by Spectre.Console.</summary>
internal static class TerminalText
{
    /// <summary>A console that writes to <paramref name="output"/>, a terminal.</summary>
    internal static IAnsiConsole CreateConsole(TextWriter output, Terminal terminal)
    {
        return AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.Yes,
            ColorSystem = terminal.Color ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(output),
        });
    }

    internal static IRenderable Draw(IReadOnlyList<Grid> grids) => new Rows(grids.Select(Draw));

    private static Rows Draw(Grid grid)
    {
        List<IRenderable> parts = [];
        if (grid.Title.Length > 0)
        {
            parts.Add(new Text(grid.Title, new Style(decoration: Decoration.Bold)));
        }

        parts.Add(grid.Rows.Count == 0 && grid.WhenEmpty.Length > 0 ? new Text(grid.WhenEmpty) : DrawTable(grid));
        return new Rows(parts);
    }

    private static Table DrawTable(Grid grid)
    {
        Table table = new Table().Border(TableBorder.Simple).BorderColor(Color.Grey);
        table.ShowHeaders = grid.Columns.Any(c => c.Header.Length > 0);
        foreach (Column column in grid.Columns)
        {
            var header = new TableColumn(new Text(column.Header, new Style(decoration: Decoration.Bold)));
            table.AddColumn(column.Right ? header.RightAligned() : header);
        }

        foreach (Cell[] row in grid.Rows)
        {
            table.AddRow(row.Select(cell => new Text(cell.Text, StyleOf(cell.Tone))));
        }

        return table;
    }

    private static Style StyleOf(Tone tone)
    {
        return tone switch
        {
            Tone.Good => new Style(Color.Green),
            Tone.Warning => new Style(Color.Yellow),
            Tone.Bad => new Style(Color.Red),
            Tone.Dim => new Style(Color.Grey),
            _ => Style.Plain,
        };
    }
}
