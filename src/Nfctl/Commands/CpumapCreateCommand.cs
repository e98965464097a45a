using System.CommandLine;
using Nf.Ctl.Parsing;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl cpumap create</c>. What is not given is left to the service's defaults.</summary>
internal sealed class CpumapCreateCommand : Command
{
    private readonly Argument<string> _name = Args.Name("Name of the cpumap");
    private readonly Option<CpumapBackend> _backend = Args.Option(
        "--backend", "Who runs it: the kernel, for steering rules; or the data plane, for endpoints [default: kernel]",
        Choices.CpumapBackends);

    private readonly Option<uint?> _maxEntries = Args.Option(
        "--max-entries", "N", "CPUs below this can have an entry [default: those this machine can have]",
        Numbers.Positive);

    private readonly Option<uint?> _numa =
        Args.Option("--numa", "N", "NUMA node of the map [default: any]", Numbers.OptionalUInt32);

    private readonly Option<bool> _frags = Args.Switch(
        "--frags", "Frames of several buffers may pass; programs have to be of the same kind");

    private readonly Option<bool> _validateOnly = Args.Switch("--validate-only", "Check only; create nothing");
    private readonly LabelOption _labels = new();

    internal CpumapCreateCommand(CommandContext context)
        : base("create", "Create a cpumap, without entries")
    {
        Arguments.Add(_name);
        foreach (Option option in new Option[] { _backend, _maxEntries, _numa, _frags })
        {
            Options.Add(option);
        }

        _labels.AddTo(this);
        Options.Add(_validateOnly);
        context.Handle(this, async (session, cancel) =>
        {
            CreateCpumapResponse answer = await session.Cpumaps.CreateCpumapAsync(
                ToRequest(session.Parsed), session.Once(cancel));
            return CommandContext.Print(session, answer.Cpumap, () => CpumapTables.One(answer.Cpumap));
        });
    }

    internal CreateCpumapRequest ToRequest(ParseResult parsed)
    {
        var spec = new CpumapSpec
        {
            Backend = parsed.GetValue(_backend),
            MaxEntries = parsed.GetValue(_maxEntries) ?? 0,
            Frags = parsed.GetValue(_frags),
        };
        if (parsed.GetValue(_numa) is { } node)
        {
            spec.NumaNode = node;
        }

        var request = new CreateCpumapRequest
        {
            Name = parsed.GetRequiredValue(_name),
            Spec = spec,
            ValidateOnly = parsed.GetValue(_validateOnly),
        };
        _labels.Fill(parsed, request.Labels);
        return request;
    }
}
