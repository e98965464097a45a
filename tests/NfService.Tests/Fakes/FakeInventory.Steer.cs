using Google.Protobuf;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;

namespace Nf.Service.Tests;

// Cpumaps, their programs, and steerings.
internal sealed partial class FakeInventory
{
    /// <summary>CPUs of the fake's machine: the kernel's cpumaps have as many entries at most.</summary>
    public const uint CpuCount = 4;

    private const uint QueueSizeMax = 16_384;

    private readonly SortedDictionary<string, Cpumap> _cpumaps = [];
    private readonly SortedDictionary<string, CpumapProgram> _programs = [];
    private readonly SortedDictionary<string, Steering> _steerings = [];

    /// <summary>The rules that run, with everything that came with them.</summary>
    public Steering SteeringOf(string name)
    {
        lock (_lock)
        {
            return _steerings[name].Clone();
        }
    }

    /// <summary>The program that runs, with its file.</summary>
    public CpumapProgram ProgramOf(string name)
    {
        lock (_lock)
        {
            return _programs[name].Clone();
        }
    }

    /// <summary>Removes an entry behind the service's back.</summary>
    public void RemoveEntry(string cpumap, uint cpu)
    {
        lock (_lock)
        {
            _cpumaps[cpumap].Status.Entries.Remove(Entry(_cpumaps[cpumap], cpu)!);
        }
    }

    /// <summary>Changes the status of a cpumap behind the service's back.</summary>
    public void Change(string cpumap, Action<CpumapStatus> change)
    {
        lock (_lock)
        {
            change(_cpumaps[cpumap].Status);
        }
    }

    private IEnumerable<string> SteerNames =>
    [
        .. _programs.Keys.Select(n => $"program:{n}"),
        .. _cpumaps.Values.SelectMany(c => c.Status.Entries.Select(e => $"entry:{c.Name}/{e.Cpu}")
            .Prepend($"cpumap:{c.Name}")),
        .. _steerings.Keys.Select(n => $"steering:{n}"),
    ];

    private static CpumapEntry? Entry(Cpumap cpumap, uint cpu) =>
        cpumap.Status.Entries.FirstOrDefault(entry => entry.Cpu == cpu);

    private void ClearSteer()
    {
        _cpumaps.Clear();
        _programs.Clear();
        _steerings.Clear();
    }

    private Reply AnswerSteer(Command command) => command.CommandCase switch
    {
        Command.CommandOneofCase.CreateCpumap => Create(command.CreateCpumap.Cpumap),
        Command.CommandOneofCase.DeleteCpumap => Delete(_cpumaps, command.DeleteCpumap.Name),
        Command.CommandOneofCase.UpdateCpumapEntry => Update(command.UpdateCpumapEntry),
        Command.CommandOneofCase.DeleteCpumapEntry => Delete(command.DeleteCpumapEntry),
        Command.CommandOneofCase.LoadCpumapProgram => Load(command.LoadCpumapProgram.Program),
        Command.CommandOneofCase.UnloadCpumapProgram => Delete(_programs, command.UnloadCpumapProgram.Name),
        Command.CommandOneofCase.SetSteering => Set(command.SetSteering),
        Command.CommandOneofCase.DeleteSteering => Delete(_steerings, command.DeleteSteering.Name),
        Command.CommandOneofCase.TestSteering => new Reply
        {
            Verdicts = new SteeringVerdicts
            {
                Verdicts =
                {
                    command.TestSteering.Packets.Select(
                        packet => new SteeringVerdict { Rule = $"{packet.Length}", Action = "xsk" }),
                },
            },
        },
        _ => Fault("INVALID_SPEC", Errno.EINVAL),
    };

    private Inventory SteerPiece(bool brief)
    {
        var piece = new Inventory
        {
            Cpumaps = { _cpumaps.Values.Select(c => c.Clone()) },
            CpumapPrograms = { _programs.Values.Select(p => p.Clone()) },
            Steerings = { _steerings.Values.Select(s => s.Clone()) },
        };
        foreach (CpumapProgram program in piece.CpumapPrograms.Where(p => brief && p.Spec.Elf is not null))
        {
            program.Spec.Elf.File = ByteString.Empty;
        }

        foreach (SteeringRule rule in piece.Steerings.SelectMany(s => s.Spec.Rules).Where(_ => brief))
        {
            rule.Action.Cpumap?.Selection.Prefixes.Clear();
        }

        return piece;
    }

    private Reply Create(Cpumap asked)
    {
        Cpumap cpumap = asked.Clone();
        cpumap.Spec.MaxEntries = asked.Spec.MaxEntries == 0 ? CpuCount : asked.Spec.MaxEntries;
        cpumap.Status = new CpumapStatus { MapId = 7, ValueSize = 8, CountersAvailable = true };
        return _cpumaps.TryAdd(cpumap.Name, cpumap) ? new Reply { Cpumap = cpumap.Clone() }
            : Fault("NAME_TAKEN", Errno.EEXIST);
    }

    // In the order of cpu_map_update_elem() and what is documented of it.
    private Reply Update(UpdateCpumapEntry asked)
    {
        if (!_cpumaps.TryGetValue(asked.Cpumap, out Cpumap? cpumap))
        {
            return Fault("UNKNOWN_RESOURCE", Errno.ENOENT);
        }

        CpumapEntry? before = Entry(cpumap, asked.Entry.Cpu);
        CpumapEntryProgram? program = asked.Entry.Program;
        Reply? refusal = asked switch
        {
            { Entry.Cpu: >= CpuCount } => Fault("CPU_OUT_OF_RANGE", Errno.E2BIG, "bpf(BPF_MAP_UPDATE_ELEM)"),
            { Mode: CpumapUpdateMode.Noexist } when before is not null => Fault("ENTRY_EXISTS", Errno.EEXIST),
            { Mode: CpumapUpdateMode.Exist } when before is null => Fault("UNKNOWN_ENTRY", Errno.ENOENT),
            { Entry.QueueSize: > QueueSizeMax } => Fault("QUEUE_TOO_LARGE", Errno.EOVERFLOW),
            _ when program is { Loaded.Length: > 0 } && !_programs.ContainsKey(program.Loaded) =>
                Fault("UNKNOWN_RESOURCE", Errno.ENOENT),
            _ => null,
        };
        if (refusal is not null)
        {
            return refusal;
        }

        _ = before is not null && cpumap.Status.Entries.Remove(before);
        if (asked.Entry.QueueSize == 0)
        {
            return new Reply { CpumapEntry = new CpumapEntryDone() };
        }

        var entry = new CpumapEntry
        {
            Cpu = asked.Entry.Cpu,
            QueueSize = asked.Entry.QueueSize,
            Program = program,
            Threads = 1,
            SegmentSlot = before?.SegmentSlot ?? FreeSlot(_cpumaps.Values.SelectMany(
                c => c.Status.Entries.Select(e => e.SegmentSlot))),
        };
        cpumap.Status.Entries.Add(entry);
        return new Reply { CpumapEntry = new CpumapEntryDone { Entry = entry.Clone(), Draining = before is not null } };
    }

    private Reply Delete(DeleteCpumapEntry asked)
    {
        if (!_cpumaps.TryGetValue(asked.Cpumap, out Cpumap? cpumap))
        {
            return Fault("UNKNOWN_RESOURCE", Errno.ENOENT);
        }

        if (Entry(cpumap, asked.Cpu) is { } entry)
        {
            cpumap.Status.Entries.Remove(entry);
        }

        return asked.Cpu < CpuCount ? new Reply { CpumapEntry = new CpumapEntryDone() }
            : Fault("CPU_OUT_OF_RANGE", Errno.E2BIG);
    }

    private Reply Load(CpumapProgram asked)
    {
        CpumapProgram program = asked.Clone();
        program.Status = new CpumapProgramStatus { ProgramId = 99, Instructions = 2 };
        return _programs.TryAdd(program.Name, program) ? new Reply { CpumapProgram = program.Clone() }
            : Fault("NAME_TAKEN", Errno.EEXIST);
    }

    private Reply Set(SetSteering asked)
    {
        Steering steering = asked.Steering.Clone();
        Steering? before = _steerings.GetValueOrDefault(steering.Name);
        HashSet<uint> taken =
        [
            .. _steerings.Values.Where(s => s != before).SelectMany(s => s.Status.Rules.Select(r => r.SegmentSlot)
                .Append(s.Status.DefaultSegmentSlot).Append(s.Status.ManagementSegmentSlot)),
        ];
        uint Slot()
        {
            uint slot = FreeSlot(taken);
            taken.Add(slot);
            return slot;
        }

        steering.Status = new SteeringStatus
        {
            State = SteeringState.Active,
            Revision = (before?.Status.Revision ?? 0) + 1,
            Rules =
            {
                steering.Spec.Rules.Select(rule => new SteeringRuleStatus
                {
                    Name = rule.Name,
                    SegmentSlot = Slot(),
                    Prefixes = (uint)(rule.Action.Cpumap?.Selection.Prefixes.Count ?? 0),
                }),
            },
            DefaultSegmentSlot = Slot(),
            ManagementSegmentSlot = Slot(),
        };
        if (!asked.ValidateOnly)
        {
            _steerings[steering.Name] = steering;
        }

        return new Reply { Steering = steering.Clone() };
    }
}
