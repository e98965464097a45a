using System.CommandLine;
using Google.Protobuf;
using Nf.Ctl.Parsing;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl cpumap program load</c>: an ELF file for the kernel, or filters for user space.</summary>
internal sealed class CpumapProgramLoadCommand : Command
{
    private readonly Argument<string> _name = Args.Name("Name of the program");
    private readonly Option<byte[]> _elf = Args.Option(
        "--elf", "FILE", "BPF for cpumaps of the kernel, as `clang -target bpf -c` writes it", Files.ReadBytes);

    private readonly Option<string> _section = Args.Option(
        "--section", "NAME", "Section or function to take, where the file has several", text => text);

    private readonly Option<CpumapFilterStep[]> _steps = Args.Repeated(
        "--step", "'FILTER -> ACTION'", "For cpumaps in user space: a pcap filter, and pass, drop or redirect "
            + "xsk:NAME|vhost:NAME; repeat it, the first that matches decides", CpumapPrograms.ParseStep);

    internal CpumapProgramLoadCommand(CommandContext context)
        : base("load", "Load a program")
    {
        Arguments.Add(_name);
        foreach (Option option in new Option[] { _elf, _section, _steps })
        {
            Options.Add(option);
        }

        Validators.Add(result =>
        {
            bool hasElf = result.GetResult(_elf) is not null;
            bool hasSteps = result.GetResult(_steps) is not null;
            if (hasElf == hasSteps)
            {
                result.AddError(hasElf ? "give --elf or --step, not both" : "--elf or --step is required");
            }

            if (!hasElf && result.GetResult(_section) is not null)
            {
                result.AddError("--section needs --elf");
            }
        });
        context.Handle(this, async (session, cancel) =>
        {
            LoadCpumapProgramResponse answer = await session.Cpumaps.LoadCpumapProgramAsync(
                ToRequest(session.Parsed), session.Once(cancel));
            return CommandContext.Print(session, answer.Program, () => CpumapTables.Program(answer.Program));
        });
    }

    internal LoadCpumapProgramRequest ToRequest(ParseResult parsed)
    {
        var spec = new CpumapProgramSpec();
        if (parsed.GetResult(_elf) is not null)
        {
            spec.Elf = new CpumapElf
            {
                File = ByteString.CopyFrom(parsed.GetRequiredValue(_elf)),
                Section = parsed.GetValue(_section) ?? "",
            };
        }
        else
        {
            spec.Filters = new CpumapFilterProgram { Steps = { parsed.GetValue(_steps) ?? [] } };
        }

        return new LoadCpumapProgramRequest { Name = parsed.GetRequiredValue(_name), Spec = spec };
    }
}
