using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using Nf.Ctl.Completion;
using Nf.Ctl.Errors;
using Nf.Ctl.Rendering;

namespace Nf.Ctl.Commands;

/// <summary>The whole command line.</summary>
internal static class CommandTree
{
    private const string Description =
        """
        nfctl talks to nf-service, the packet I/O service of a node.

        """ + ExitCode.Help;

    internal static RootCommand Create(Terminal terminal)
    {
        var context = new CommandContext(terminal);
        var root = new RootCommand(Description)
        {
            new UmemCommand(context),
            new XskCommand(context),
            new LeaseCommand(context),
            new VhostCommand(context),
            new LinkCommand(context),
            new BridgeCommand(context),
            new CpumapCommand(context),
            new SteerCommand(context),
            new NodeCommand(context),
            new StatsCommand(context),
            new WatchCommand(context),
            new EventsCommand(context),
            new HealthCommand(context),
            new CompletionCommand(),
            new VersionCommand(context),
        };
        context.Options.AddTo(root);

        // Without the spellings of other systems (/?, /h), which completion would offer too.
        root.Options.Remove(root.Options.OfType<HelpOption>().First());
        root.Options.Add(new HelpOption("--help", "-h"));
        return root;
    }

    /// <summary>Runs a command line to its exit code.</summary>
    internal static async Task<int> RunAsync(
        RootCommand root, Terminal terminal, IReadOnlyList<string> arguments, InvocationConfiguration configuration,
        CancellationToken cancel)
    {
        if (Suggestions.IsAsked(arguments))
        {
            Suggestions.Write(root, arguments, configuration.Output);
            return ExitCode.Ok;
        }

        // --help is an answer even to a command line that is not finished.
        ParseResult parsed = root.Parse(arguments);
        if (parsed.Errors.Count == 0 || parsed.Action is HelpAction)
        {
            return await parsed.InvokeAsync(configuration, cancel);
        }

        foreach (string error in parsed.Errors.Select(e => e.Message).Distinct())
        {
            ErrorText.WriteError(configuration.Error, error, terminal.ErrorColor);
        }

        ErrorText.WriteHint(configuration.Error, $"`{PathOf(parsed)} --help` shows the usage", terminal.ErrorColor);
        return ExitCode.Usage;
    }

    private static string PathOf(ParseResult parsed)
    {
        List<string> names = [];
        for (CommandResult? result = parsed.CommandResult; result is not null; result = result.Parent as CommandResult)
        {
            names.Insert(0, result.Command is RootCommand ? "nfctl" : result.Command.Name);
        }

        return string.Join(' ', names);
    }
}
