using System.CommandLine;
using Nf.Ctl.Completion;
using Nf.Ctl.Parsing;
using Nf.Ctl.Rendering;
using Nf.V1;
using static Google.Protobuf.WellKnownTypes.TimeExtensions;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl cpumap entry set</c>.</summary>
internal sealed class CpumapEntrySetCommand : Command
{
    private readonly Argument<string> _cpumap;
    private readonly Argument<uint> _cpu = Args.Number("CPU", "The CPU");
    private readonly Option<uint> _queueSize = Args.Option(
        "--queue-size", "N", "Frames the queue holds: 1 to 16384; 0 removes the entry", Numbers.UInt32).Required();

    private readonly Option<CpumapEntryProgram> _program = Args.Option(
        "--program", "pass|drop|redirect|NAME", "What runs on each frame: one that is always there, or a loaded one",
        CpumapPrograms.Parse);

    private readonly Option<RedirectTarget> _redirect = Args.Option(
        "--redirect", "IF|xsk:NAME|vhost:NAME", "Where redirect sends: an interface (kernel), a socket or a device",
        RedirectTargets.Parse);

    private readonly Option<NetworkNamespace> _netns = Args.Option(
        "--netns", "NAME|PATH|pid:N", "Network namespace of the interface", Namespaces.Parse);

    private readonly Option<CpumapUpdateMode> _mode = Args.Option(
        "--mode", "Whether an entry may (any), must not (noexist) or must (exist) be there [default: any]",
        Choices.CpumapUpdateModes);

    private readonly DrainOption _drain = new();

    internal CpumapEntrySetCommand(CommandContext context)
        : base("set", "Set the entry of a CPU: a new queue and thread in place of those it had")
    {
        _cpumap = CpumapCommand.NameOf(context);
        Arguments.Add(_cpumap);
        Arguments.Add(_cpu);
        _program.CompletionSources.Add(_ => CpumapPrograms.Builtins.Names);
        ResourceNames.Complete(_program, context, ResourceNames.CpumapPrograms);
        ResourceNames.Complete(_redirect, context, ResourceNames.RedirectTargets);
        foreach (Option option in new Option[] { _queueSize, _program, _redirect, _netns, _mode })
        {
            Options.Add(option);
        }

        _drain.AddTo(this);
        context.Handle(this, async (session, cancel) =>
        {
            UpdateCpumapEntryRequest request = ToRequest(session.Parsed);
            UpdateCpumapEntryResponse answer = await session.Cpumaps.UpdateCpumapEntryAsync(
                request, session.Once(cancel, _drain.Of(session.Parsed)));
            return CommandContext.Print(
                session, answer, () => CpumapTables.Updated(request.Cpumap, request.Entry.Cpu, answer));
        });
    }

    internal UpdateCpumapEntryRequest ToRequest(ParseResult parsed)
    {
        var request = new UpdateCpumapEntryRequest
        {
            Cpumap = parsed.GetRequiredValue(_cpumap),
            Entry = new CpumapEntrySpec
            {
                Cpu = parsed.GetRequiredValue(_cpu),
                QueueSize = parsed.GetRequiredValue(_queueSize),
                Program = parsed.GetValue(_program)?.Clone(),
            },
            Mode = parsed.GetValue(_mode),
            DrainTimeout = _drain.Of(parsed)?.ToDuration(),
        };
        if (parsed.GetValue(_redirect) is { } target)
        {
            // A target alone says which program.
            request.Entry.Program ??= new CpumapEntryProgram { Builtin = BuiltinCpumapProgram.Redirect };
            request.Entry.Program.Redirect = target.Clone();
            request.Entry.Program.Redirect.NetworkNamespace = parsed.GetValue(_netns);
        }

        return request;
    }
}
