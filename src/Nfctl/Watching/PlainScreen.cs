using Nf.Ctl.Rendering;

namespace Nf.Ctl.Watching;

/// <summary>A screen for pipes and files: one block of lines per interval, one line per notice.</summary>
internal sealed class PlainScreen(TextWriter output) : IWatchScreen
{
    public void Show(Rates rates)
    {
        PlainText.Write(output, RateTables.Draw(rates, ""));
        output.WriteLine();
        output.Flush();
    }

    public void Notice(string text)
    {
        output.WriteLine(Cell.Printable(text));
        output.Flush();
    }
}
