using System.CommandLine;
using Nf.V1;
using static Google.Protobuf.WellKnownTypes.TimeExtensions;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl cpumap entry delete</c>.</summary>
internal sealed class CpumapEntryDeleteCommand : Command
{
    private readonly Argument<string> _cpumap;
    private readonly Argument<uint> _cpu = Args.Number("CPU", "The CPU");
    private readonly DrainOption _drain = new();

    internal CpumapEntryDeleteCommand(CommandContext context)
        : base("delete", "Remove the entry of a CPU; its queue is emptied first")
    {
        _cpumap = CpumapCommand.NameOf(context);
        Arguments.Add(_cpumap);
        Arguments.Add(_cpu);
        _drain.AddTo(this);
        context.Handle(this, async (session, cancel) =>
        {
            DeleteCpumapEntryRequest request = ToRequest(session.Parsed);
            DeleteCpumapEntryResponse answer = await session.Cpumaps.DeleteCpumapEntryAsync(
                request, session.Once(cancel, _drain.Of(session.Parsed)));
            string rest = answer.Draining ? "; its thread still empties the queue" : "";
            return CommandContext.PrintDone(
                session, answer, $"entry of CPU {request.Cpu} of cpumap {request.Cpumap} removed{rest}");
        });
    }

    internal DeleteCpumapEntryRequest ToRequest(ParseResult parsed) => new()
    {
        Cpumap = parsed.GetRequiredValue(_cpumap),
        Cpu = parsed.GetRequiredValue(_cpu),
        DrainTimeout = _drain.Of(parsed)?.ToDuration(),
    };
}
