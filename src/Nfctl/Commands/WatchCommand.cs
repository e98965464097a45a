using System.CommandLine;
using Nf.Ctl.Client;
using Nf.Ctl.Errors;
using Nf.Ctl.Parsing;
using Nf.Ctl.Rendering;
using Nf.Ctl.Watching;
using Spectre.Console;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl watch</c>: rates, again and again, until Ctrl-C.</summary>
internal sealed class WatchCommand : Command
{
    private static readonly TimeSpan DefaultInterval = TimeSpan.FromSeconds(1);

    private readonly Option<TimeSpan> _interval =
        Args.Option("--interval", "TIME", "How often, 100ms to 1h [default: 1s]", Durations.Parse);

    private readonly Option<uint?> _count = Args.Option("--count", "N", "Stop after so many", Numbers.Positive);

    internal WatchCommand(CommandContext context)
        : base("watch", "Show packet rates, drops and worker load as they change (Ctrl-C ends)")
    {
        Options.Add(_interval);
        Options.Add(_count);
        context.Handle(this, async (session, cancel) =>
        {
            TimeSpan interval = session.Parsed.GetValue(_interval);
            interval = interval == TimeSpan.Zero ? DefaultInterval : interval;
            uint? count = session.Parsed.GetValue(_count);
            try
            {
                await (session.Json ? WriteJsonAsync(session, interval, count, cancel)
                    : session.Terminal.IsTerminal ? DrawAsync(session, interval, count, cancel)
                    : WriteAsync(session, interval, count, cancel));
            }
            catch (Exception) when (cancel.IsCancellationRequested)
            {
                // Ctrl-C is how a watch ends.
            }

            return ExitCode.Ok;
        });
    }

    private static Task WriteAsync(Session session, TimeSpan interval, uint? count, CancellationToken cancel)
    {
        return Watcher.RunAsync(
            new StatsSource(session, interval), new PlainScreen(session.Output), interval, count, cancel);
    }

    private static Task DrawAsync(Session session, TimeSpan interval, uint? count, CancellationToken cancel)
    {
        IAnsiConsole console = TerminalText.CreateConsole(session.Output, session.Terminal);
        return console.Live(new Text($"measuring for {interval.TotalSeconds:0.#} s"))
            .Overflow(VerticalOverflow.Ellipsis)
            .StartAsync(live => Watcher.RunAsync(
                new StatsSource(session, interval), new LiveScreen(live), interval, count, cancel));
    }

    // Programs compute rates themselves, and get the counters as they are.
    private static async Task WriteJsonAsync(Session session, TimeSpan interval, uint? count, CancellationToken cancel)
    {
        uint written = 0;
        await foreach (StatsSource.Item item in new StatsSource(session, interval).ReadAsync(cancel))
        {
            if (item.Stats is null)
            {
                ErrorText.WriteHint(session.Error, item.Notice, session.Terminal.ErrorColor);
                continue;
            }

            Json.WriteLine(session.Output, item.Stats);
            if (++written == count)
            {
                return;
            }
        }
    }
}
