using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>A program for entries as the control thread knows it.</summary>
/// <param name="asked">Name and spec, without the ELF file.</param>
internal sealed class CpumapProgramResource(CpumapProgram asked) : IDisposable
{
    internal string Name { get; } = asked.Name;

    /// <summary>Name and spec, without the ELF file.</summary>
    internal CpumapProgram Asked { get; } = asked;

    /// <summary>The kernel's program; null for filters.</summary>
    internal BpfProgram? Program { get; init; }

    /// <summary>A memory file with the ELF file; null for filters.</summary>
    internal FileDescriptor? File { get; init; }

    /// <summary>The filters, compiled; null for a program of the kernel.</summary>
    internal UserspaceProgram? Filters { get; init; }

    /// <summary>Instructions after translation by the kernel, or of the compiled filters.</summary>
    internal uint InstructionCount => Program?.InstructionCount ?? Filters?.Instructions ?? 0;

    /// <summary>Whether it takes frames of several buffers.</summary>
    internal bool Frags { get; init; }

    /// <param name="cpumaps">Whose entries may run it.</param>
    /// <param name="brief">Without the ELF file.</param>
    internal CpumapProgram Describe(IEnumerable<CpumapResource> cpumaps, bool brief)
    {
        CpumapProgram described = Asked.Clone();
        described.Status = new CpumapProgramStatus
        {
            ProgramId = Program?.Id ?? 0,
            Frags = Frags,
            Instructions = InstructionCount,
        };
        described.Status.UsedBy.AddRange(UsersAmong(cpumaps));
        if (File is not null && !brief)
        {
            byte[] bytes = new byte[File.Length];
            File.ReadAt(bytes, 0);
            described.Spec.Elf.File = Google.Protobuf.ByteString.CopyFrom(bytes);
        }

        return described;
    }

    /// <summary>Entries that run it: "CPUMAP/CPU".</summary>
    internal IEnumerable<string> UsersAmong(IEnumerable<CpumapResource> cpumaps) => cpumaps.SelectMany(
        cpumap => cpumap.Entries.Values.Where(entry => entry.Runs(Name)).Select(entry => $"{cpumap.Name}/{entry.Cpu}"));

    public void Dispose()
    {
        Program?.Dispose();
        File?.Dispose();
    }
}
