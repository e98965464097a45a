using Nf.Linux;

namespace Nf.DataPlane.Cpumaps;

/// <summary>Loads a program for entries out of a stranger's object. Only in a process that may die of it.</summary>
internal static class ElfProgram
{
    /// <summary>Most bytes that the maps of an object hold together. Arbitrary.</summary>
    internal const ulong MapBytesMax = 64 << 20;

    /// <summary>Characters of what libbpf and the verifier said; what they say last is what counts.</summary>
    internal const int LogCharsMax = 2000;

    private const string FileField = "spec.elf.file";
    private const string SectionField = "spec.elf.section";

    /// <param name="file">The object file.</param>
    /// <param name="section">A section or a function; empty when there is one program only.</param>
    /// <param name="frags">Whether the program takes frames of several buffers.</param>
    /// <exception cref="CommandFaultException">
    /// INVALID_ELF, UNKNOWN_SECTION, WRONG_ATTACH_TYPE, PROGRAM_REFUSED, CAPABILITY_MISSING, MEMORY_EXHAUSTED.
    /// </exception>
    internal static BpfProgram Load(ReadOnlySpan<byte> file, string section, out bool frags)
    {
        if (UploadedElf.Check(file) is { } broken)
        {
            throw Fault("INVALID_ELF", FileField, broken, Errno.EINVAL);
        }

        BpfProgramDeclaration? chosen = null;
        try
        {
            using BpfObject loaded = BpfObject.Load(file, "cpumap-program", settings =>
            {
                chosen = Choose(settings.Programs(), section);
                foreach (BpfProgramDeclaration other in settings.Programs())
                {
                    settings.SetAutoload(other.Name, other.Name == chosen.Name);
                }

                CheckMaps(settings.Maps());
                settings.ForgetPins();
            });
            frags = chosen!.Frags;
            return new BpfProgram(loaded.Programs[chosen.Name].Descriptor.Duplicate());
        }
        catch (BpfLoadException refusal)
        {
            throw Refused(refusal, opened: chosen is not null);
        }
        catch (LinuxException refusal)
        {
            throw Fault("PROGRAM_REFUSED", FileField, refusal.Message, Errno.EINVAL);
        }
    }

    private static BpfProgramDeclaration Choose(IReadOnlyList<BpfProgramDeclaration> programs, string section)
    {
        string there = string.Join(", ", programs.Select(program => $"\"{program.Section}\" ({program.Name})"));
        BpfProgramDeclaration[] chosen =
        [
            .. programs.Where(
                program => section.Length == 0 || program.Section == section || program.Name == section),
        ];
        if (chosen.Length != 1)
        {
            throw Fault(
                "UNKNOWN_SECTION", SectionField,
                $"\"{section}\" names {chosen.Length} programs; the file has {(there.Length == 0 ? "none" : there)}",
                Errno.EINVAL);
        }

        return chosen[0] is { Type: LinuxBpf.BPF_PROG_TYPE_XDP, AttachType: LinuxBpf.BPF_XDP_CPUMAP }
            ? chosen[0]
            : throw Fault(
                "WRONG_ATTACH_TYPE", SectionField,
                $"\"{chosen[0].Section}\" is of type {chosen[0].Type} for attach type {chosen[0].AttachType}; an "
                + "entry runs XDP programs for cpumaps: section xdp/cpumap, or xdp.frags/cpumap",
                Errno.EINVAL);
    }

    private static void CheckMaps(IReadOnlyList<BpfMapDeclaration> maps)
    {
        if (maps.FirstOrDefault(map => map.Type == LinuxBpf.BPF_MAP_TYPE_STRUCT_OPS) is { } operations)
        {
            throw Fault(
                "INVALID_ELF", FileField, $"map {operations.Name} replaces operations of the kernel", Errno.EINVAL);
        }

        UInt128 bytes = 0;
        foreach (BpfMapDeclaration map in maps)
        {
            bytes += (UInt128)map.MaxEntries * (map.KeySizeBytes + (ulong)map.ValueSizeBytes);
        }

        if (bytes > MapBytesMax)
        {
            throw Fault(
                "INVALID_ELF", FileField, $"its maps hold {bytes} bytes together, at most {MapBytesMax}", Errno.EINVAL);
        }
    }

    private static CommandFaultException Refused(BpfLoadException refusal, bool opened)
    {
        string said = $"{refusal.Messages}\n{refusal.VerifierLog}".Trim();
        string log = said.Length <= LogCharsMax ? said : said[^LogCharsMax..];
        return refusal.Errno switch
        {
            Errno.EPERM => Fault(
                "CAPABILITY_MISSING", FileField, $"the data plane needs CAP_BPF and CAP_NET_ADMIN: {log}", Errno.EPERM),
            Errno.ENOMEM => Fault("MEMORY_EXHAUSTED", FileField, log, Errno.ENOMEM),
            _ when !opened => Fault("INVALID_ELF", FileField, $"libbpf cannot read it: {log}", Errno.EINVAL),
            _ => Fault("PROGRAM_REFUSED", FileField, $"{refusal.Errno}: {log}", Errno.EINVAL),
        };
    }

    private static CommandFaultException Fault(string reason, string field, string what, Errno errno) =>
        new(reason, $"{field}: {what}", errno) { Fields = [(field, what)] };
}
