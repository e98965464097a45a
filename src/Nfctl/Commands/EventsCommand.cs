using System.CommandLine;
using Nf.Ctl.Client;
using Nf.Ctl.Errors;
using Nf.Ctl.Parsing;
using Nf.Ctl.Rendering;
using Nf.Ctl.Watching;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl events</c>: what happened, and with --follow what happens.</summary>
internal sealed class EventsCommand : Command
{
    private readonly Option<bool> _follow = Args.Switch("--follow", "Wait for new events until Ctrl-C");
    private readonly Option<bool> _past = Args.Switch("--past", "With --follow: begin with the kept past events");
    private readonly Option<string[]> _types = Args.Repeated(
        "--type", "TYPE", "Only umem, xsk, vhost, link, bridge, interface or data-plane; may be repeated",
        Choices.ResourceTypes.Parse);

    internal EventsCommand(CommandContext context)
        : base("events", "Show the kept past events, or follow new ones")
    {
        _follow.Aliases.Add("-f");
        _types.CompletionSources.Add(_ => Choices.ResourceTypes.Names);
        Options.Add(_follow);
        Options.Add(_past);
        Options.Add(_types);
        context.Handle(this, async (session, cancel) =>
        {
            var source = new EventSource(session, ToRequest(session.Parsed));
            IAsyncEnumerable<Event> events = session.Parsed.GetValue(_follow)
                ? source.FollowAsync(cancel)
                : source.ReadPastAsync(cancel);
            try
            {
                await foreach (Event happened in events)
                {
                    Write(session, happened);
                }
            }
            catch (Exception e) when (cancel.IsCancellationRequested && e is not StandardOutput.ClosedException)
            {
                // Ctrl-C is how following ends.
            }

            return ExitCode.Ok;
        });
    }

    internal WatchEventsRequest ToRequest(ParseResult parsed)
    {
        return new WatchEventsRequest
        {
            IncludePast = parsed.GetValue(_past) || !parsed.GetValue(_follow),
            ResourceTypes = { (parsed.GetValue(_types) ?? []).Distinct() },
        };
    }

    private static void Write(Session session, Event happened)
    {
        if (session.Json)
        {
            Json.WriteLine(session.Output, happened);
            return;
        }

        session.Output.WriteLine(EventLine.Format(happened, session.Terminal.Color));
        session.Output.Flush();
    }
}
