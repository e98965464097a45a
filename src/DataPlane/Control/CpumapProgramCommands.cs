using System.Security.Cryptography;
using Google.Protobuf;
using Nf.DataPlane.Cpumaps;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Store;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>Loads and unloads programs that entries of cpumaps run.</summary>
internal sealed class CpumapProgramCommands(Resources resources, Background background)
{
    // Names of programs that are being loaded.
    private readonly HashSet<string> _coming = new(StringComparer.Ordinal);

    /// <summary>Loads a program; the answer has it without its file.</summary>
    /// <exception cref="CommandFaultException">
    /// NAME_TAKEN, INVALID_SPEC, LIMIT_REACHED, INVALID_ELF. The answer may be another fault: those of
    /// <see cref="BpfLoader.Load"/> and <see cref="UserspaceProgram.Compile"/>.
    /// </exception>
    internal PendingReply Load(CpumapProgram asked)
    {
        if (resources.CpumapPrograms.ContainsKey(asked.Name) || _coming.Contains(asked.Name))
        {
            throw new CommandFaultException(
                "NAME_TAKEN", $"cpumap program \"{asked.Name}\" exists, or is being loaded", Errno.EEXIST);
        }

        if (resources.CpumapPrograms.Count + _coming.Count >= Resources.CpumapProgramCountMax)
        {
            throw new CommandFaultException(
                "LIMIT_REACHED",
                $"there are {Resources.CpumapProgramCountMax} programs already, the most",
                Errno.ENOBUFS);
        }

        return asked.Spec?.CodeCase switch
        {
            CpumapProgramSpec.CodeOneofCase.Elf => LoadElf(asked),
            CpumapProgramSpec.CodeOneofCase.Filters => LoadFilters(asked),
            _ => throw new CommandFaultException("INVALID_SPEC", "spec.code: elf or filters must be set", Errno.EINVAL),
        };
    }

    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE, IN_USE.</exception>
    internal void Unload(string name)
    {
        CpumapProgramResource program = resources.CpumapProgram(name);
        string users = string.Join(", ", program.UsersAmong(resources.Cpumaps.Values));
        if (users.Length != 0)
        {
            throw new CommandFaultException("IN_USE", $"cpumap program \"{name}\" is run by {users}", Errno.EBUSY);
        }

        resources.Store.Drop(program);
        resources.CpumapPrograms.Remove(name);
        program.Dispose();
        resources.Events.Add(EventKind.Deleted, "cpumap_program", name, "");
    }

    /// <summary>Takes over a program of an earlier life.</summary>
    /// <exception cref="InvalidDataException">This is none of ours.</exception>
    internal void Adopt(StoreEntry entry)
    {
        StoredCpumapProgram stored = StoredCpumapProgram.Parser.ParseFrom(entry.Metadata);
        if (stored.Version != KernelCpumaps.StoredVersion || stored.Program is not { Name.Length: > 0, Spec: not null }
            || entry.Descriptors.Count != (stored.Program.Spec.Filters is null ? 2 : 0))
        {
            throw new InvalidDataException("no program of this version");
        }

        if (stored.Program.Spec.Filters is { } filters)
        {
            resources.CpumapPrograms.Add(
                stored.Program.Name,
                new CpumapProgramResource(stored.Program) { Filters = UserspaceProgram.Compile(filters) });
            return;
        }

        var program = new BpfProgram(entry.Descriptors[0]);
        if (program.Id != stored.ProgramId || program.Type != LinuxBpf.BPF_PROG_TYPE_XDP)
        {
            throw new InvalidDataException(
                $"program {program.Id} of type {program.Type}, expected XDP program {stored.ProgramId}");
        }

        resources.CpumapPrograms.Add(stored.Program.Name, new CpumapProgramResource(stored.Program)
        {
            Program = program,
            File = entry.Descriptors[1],
            Frags = stored.Frags,
        });
    }

    // Apart, because a filter may have the name of a host, for which a resolver is asked.
    private PendingReply LoadFilters(CpumapProgram asked)
    {
        CpumapProgram kept = asked.Clone();
        kept.Status = null;
        var answer = new PendingReply();
        _coming.Add(kept.Name);
        background.Start("nf-filters", () =>
        {
            try
            {
                UserspaceProgram filters = UserspaceProgram.Compile(kept.Spec.Filters);
                background.Post(() => Take(new CpumapProgramResource(kept) { Filters = filters }, answer));
            }
            catch (CommandFaultException fault)
            {
                background.Post(() =>
                {
                    _coming.Remove(kept.Name);
                    answer.Fail(fault);
                });
            }
        });
        return answer;
    }

    private PendingReply LoadElf(CpumapProgram asked)
    {
        byte[] bytes = asked.Spec.Elf.File.ToByteArray();
        if (UploadedElf.Check(bytes) is { } broken)
        {
            throw new CommandFaultException("INVALID_ELF", $"spec.elf.file: {broken}", Errno.EINVAL)
            {
                Fields = [("spec.elf.file", broken)],
            };
        }

        FileDescriptor file = MemFile.Create("nf-cpumap-program", bytes.Length, new MemFileOptions());
        file.WriteAt(bytes, 0);
        MemFile.AddSeals(file, MemFileSeals.Write | MemFileSeals.Shrink | MemFileSeals.Grow | MemFileSeals.Seal);
        CpumapProgram kept = asked.Clone();
        kept.Status = null;
        kept.Spec.Elf.File = ByteString.Empty;
        kept.Spec.Elf.Sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes));
        var answer = new PendingReply();
        _coming.Add(kept.Name);
        background.Start("nf-bpf-load", () =>
        {
            try
            {
                using var loader = new BpfLoader(BpfLoader.PatienceDefault);
                BpfProgram program = loader.Load(file, kept.Spec.Elf.Section, out bool frags);
                background.Post(() => Take(
                    new CpumapProgramResource(kept) { Program = program, File = file, Frags = frags }, answer));
            }
            catch (Exception failure) when (CommandReplies.TryFailed(failure) is not null)
            {
                file.Dispose();
                background.Post(() =>
                {
                    _coming.Remove(kept.Name);
                    answer.Complete(CommandReplies.TryFailed(failure)!);
                });
            }
        });
        return answer;
    }

    private void Take(CpumapProgramResource program, PendingReply answer)
    {
        _coming.Remove(program.Name);
        try
        {
            resources.Store.Put(program);
        }
        catch (StoreException refusal)
        {
            program.Dispose();
            answer.Complete(CommandReplies.TryFailed(refusal)!);
            return;
        }

        resources.CpumapPrograms.Add(program.Name, program);
        resources.Events.Add(
            EventKind.Created, "cpumap_program", program.Name,
            $"{program.InstructionCount} instructions{(program.Frags ? ", frames of several buffers" : "")}");
        answer.Complete(new Reply { CpumapProgram = program.Describe(resources.Cpumaps.Values, brief: true) });
    }
}
