namespace Nf.Ctl.Watching;

/// <summary>Where the rates are shown.</summary>
internal interface IWatchScreen
{
    /// <summary>Shows the rates of an interval.</summary>
    void Show(Rates rates);

    /// <summary>Shows that there are no new rates, and why.</summary>
    void Notice(string text);
}
