using Nf.V1;

namespace Nf.Ctl.Watching;

/// <summary>Feeds a screen with rates.</summary>
internal static class Watcher
{
    /// <summary>Shows rates until cancelled, or until <paramref name="countMax"/> have been shown.</summary>
    internal static async Task RunAsync(
        StatsSource source, IWatchScreen screen, TimeSpan interval, uint? countMax, CancellationToken cancel)
    {
        Stats? before = null;
        uint shown = 0;
        string lastNotice = "";
        await foreach (StatsSource.Item item in source.ReadAsync(cancel))
        {
            if (item.Stats is not { } after)
            {
                // Once per outage is enough, however often it is tried again.
                if (item.Notice != lastNotice)
                {
                    screen.Notice(item.Notice);
                }

                lastNotice = item.Notice;
                continue;
            }

            // A stream may begin with a reading at once: rates over a few milliseconds would only be noise.
            bool tooEarly = before is not null && after.Generation == before.Generation
                && RateMeter.TimeOf(after) - RateMeter.TimeOf(before) < interval / 2;
            if (tooEarly)
            {
                continue;
            }

            if (before is not null)
            {
                screen.Show(RateMeter.Between(before, after));
                lastNotice = "";
                shown++;
            }

            before = after;
            if (shown == countMax)
            {
                return;
            }
        }
    }
}
