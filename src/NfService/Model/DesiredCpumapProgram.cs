using System.Security.Cryptography;
using Google.Protobuf;
using Nf.V1;

namespace Nf.Service;

/// <summary>A program for entries of cpumaps as it was asked for.</summary>
internal sealed class DesiredCpumapProgram : DesiredResource
{
    /// <summary>Bytes of an ELF file at most, as the contract has it. Arbitrary.</summary>
    public const int ElfBytesMax = 1 << 20;

    private const int SectionCharsMax = 128; // arbitrary: the kernel knows 15 characters of a function, libbpf more
    private const int StepCountMax = 64; // as the contract has it; arbitrary

    private readonly CpumapProgramSpec _spec; // without the file
    private readonly ByteString _file;

    private DesiredCpumapProgram(ResourceName name, CpumapProgramSpec spec)
        : base(CpumapProgramType, name, new Dictionary<string, string>())
    {
        _file = spec.Elf?.File ?? ByteString.Empty;
        _spec = spec;
        if (_spec.Elf is { } elf)
        {
            elf.Sha256 = _file.IsEmpty ? elf.Sha256 : Sha256Of(_file);
            elf.File = ByteString.Empty;
        }
    }

    /// <summary>Sockets and devices that its filters redirect to.</summary>
    public IEnumerable<EndpointMember> Targets => (_spec.Filters?.Steps ?? [])
        .Select(step => RedirectTargetRules.MemberOf(step.Redirect)).OfType<EndpointMember>();

    protected override IMessage SpecMessage => _spec;

    /// <exception cref="InvalidSpecException">Names every fault of the request.</exception>
    public static DesiredCpumapProgram From(LoadCpumapProgramRequest request)
    {
        var faults = new SpecFaults();
        ResourceName name = ResourceName.Check(faults, "name", request.Name);
        CpumapProgramSpec spec = request.Spec?.Clone() ?? new CpumapProgramSpec();
        switch (spec.CodeCase)
        {
            case CpumapProgramSpec.CodeOneofCase.Elf:
                CheckElf(faults, spec.Elf);
                break;
            case CpumapProgramSpec.CodeOneofCase.Filters:
                CheckFilters(faults, spec.Filters);
                break;
            default:
                faults.Add("spec.code", "one of spec.elf and spec.filters must be set");
                break;
        }

        faults.ThrowIfAny();
        return new DesiredCpumapProgram(name, spec);
    }

    /// <summary>A program that runs already: the data plane vouches for its spec, and has its file.</summary>
    public static DesiredCpumapProgram Learn(CpumapProgram running) =>
        new(ResourceName.Parse(running.Name), running.Spec?.Clone() ?? new CpumapProgramSpec());

    /// <summary>The resource for an answer: without the file.</summary>
    public CpumapProgram ToProto(CpumapProgramStatus? status = null) =>
        new() { Name = Name.Value, Spec = _spec.Clone(), Status = status };

    /// <summary>The resource for a command: with the file.</summary>
    public CpumapProgram ToCommand()
    {
        CpumapProgram program = ToProto();
        if (program.Spec.Elf is { } elf)
        {
            elf.File = _file;
        }

        return program;
    }

    private static string Sha256Of(ByteString file) => Convert.ToHexStringLower(SHA256.HashData(file.Span));

    private static void CheckElf(SpecFaults faults, CpumapElf elf)
    {
        const string Field = "spec.elf";
        int bytes = elf.File.Length;
        faults.Require(
            bytes is > 0 and <= ElfBytesMax, $"{Field}.file", $"{bytes} bytes; a file has 1 to {ElfBytesMax}");
        faults.Require(
            bytes == 0 || elf.File.Span.StartsWith("\u007fELF"u8),
            $"{Field}.file",
            "is no ELF file, as `clang -target bpf -c` writes it");
        faults.Require(
            elf.Section.Length <= SectionCharsMax && elf.Section.All(c => c is > ' ' and <= '~'),
            $"{Field}.section",
            $"is not at most {SectionCharsMax} printable characters without blanks");
        faults.Require(
            elf.Sha256.Length == 0 || bytes == 0 || elf.Sha256 == Sha256Of(elf.File),
            $"{Field}.sha256",
            "is not that of the file; it may be left empty");
    }

    private static void CheckFilters(SpecFaults faults, CpumapFilterProgram filters)
    {
        int count = filters.Steps.Count;
        faults.Require(
            count is >= 1 and <= StepCountMax,
            "spec.filters.steps",
            $"{count} steps; a program has 1 to {StepCountMax}");
        for (int i = 0; i < Math.Min(count, StepCountMax); i++)
        {
            CpumapFilterStep step = filters.Steps[i];
            string field = $"spec.filters.steps[{i}]";
            FilterRules.Check(faults, $"{field}.filter", step.Filter);
            faults.Require(
                step.Action != BuiltinCpumapProgram.Unspecified, $"{field}.action", "must be set");
            faults.RequireDefined(step.Action, $"{field}.action");
            RedirectTargetRules.Check(
                faults, $"{field}.redirect", step.Redirect, step.Action == BuiltinCpumapProgram.Redirect);
            RedirectTargetRules.CheckBackend(faults, $"{field}.redirect", step.Redirect, CpumapBackend.Userspace);
        }
    }
}
