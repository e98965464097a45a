using Nf.Ctl.Rendering;
using Spectre.Console;

namespace Nf.Ctl.Watching;

/// <summary>A screen for a terminal, redrawn in place.</summary>
internal sealed class LiveScreen(LiveDisplayContext live) : IWatchScreen
{
    private Rates? _latest;

    public void Show(Rates rates)
    {
        _latest = rates;
        live.UpdateTarget(TerminalText.Draw(RateTables.Draw(rates, "")));
    }

    // The last figures stay in sight: they are what the reader wants to compare with.
    public void Notice(string text) => live.UpdateTarget(TerminalText.Draw(RateTables.Draw(_latest, text)));
}
