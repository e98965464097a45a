using System.CommandLine;
using Nf.Ctl.Parsing;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary>Preferred busy polling of a socket.</summary>
internal sealed class BusyPollOptions
{
    private readonly Option<uint?> _timeout =
        Args.Option("--busy-poll-us", "N", "Busy polling: microseconds per poll", Numbers.Positive);

    private readonly Option<uint?> _budget =
        Args.Option("--busy-poll-budget", "N", "Busy polling: packets per poll [default: 64]", Numbers.Positive);

    private readonly Option<uint?> _deferHardIrqs =
        Args.Option(
            "--defer-hard-irqs", "N", "Busy polling: napi_defer_hard_irqs of the device", Numbers.OptionalUInt32);

    private readonly Option<ulong?> _groFlush =
        Args.Option("--gro-flush-ns", "N", "Busy polling: gro_flush_timeout of the device", Numbers.OptionalUInt64);

    internal void AddTo(Command command)
    {
        Option[] others = [_budget, _deferHardIrqs, _groFlush];
        command.Options.Add(_timeout);
        foreach (Option option in others)
        {
            command.Options.Add(option);
        }

        command.Validators.Add(result =>
        {
            Option? lone = Array.Find(others, o => result.GetResult(o) is not null);
            if (lone is not null && result.GetResult(_timeout) is null)
            {
                result.AddError($"{lone.Name} needs --busy-poll-us");
            }
        });
    }

    /// <summary>What was asked for; null for no busy polling.</summary>
    internal BusyPoll? Read(ParseResult parsed)
    {
        return parsed.GetValue(_timeout) is { } timeoutUs
            ? new BusyPoll
            {
                TimeoutUs = timeoutUs,
                Budget = parsed.GetValue(_budget) ?? 0,
                DeferHardIrqs = parsed.GetValue(_deferHardIrqs) ?? 0,
                GroFlushTimeoutNs = parsed.GetValue(_groFlush) ?? 0,
            }
            : null;
    }
}
