using System.Globalization;
using Nf.Ctl.Parsing;
using Nf.V1;

namespace Nf.Ctl.Rendering;

/// <summary>Tables of cpumaps, their entries and programs.</summary>
internal static class CpumapTables
{
    private const int DigestCharsShown = 12;

    internal static IReadOnlyList<Grid> List(IEnumerable<Cpumap> cpumaps)
    {
        var grid = new Grid("NAME", "BACKEND", ">MAP", "CPUS", ">DROPS", "USED BY") { WhenEmpty = "no cpumaps" };
        foreach (Cpumap cpumap in cpumaps)
        {
            CpumapStatus? status = cpumap.Status;
            grid.Add(
                cpumap.Name,
                Names.Of(cpumap.Spec?.Backend ?? CpumapBackend.Unspecified),
                status is null ? Names.Unobserved : status.MapId == 0 ? "" : $"{status.MapId}",
                status is null ? Names.Unobserved : string.Join(',', status.Entries.Select(entry => entry.Cpu)),
                status is null ? Names.Unobserved : Fault(DropsOf(status)),
                status is null ? Names.Unobserved : string.Join(", ", status.UsedBy));
        }

        return [grid];
    }

    /// <param name="cpumap">What is shown.</param>
    /// <param name="withoutStatus">Its state when it has no status: what was only checked, by default.</param>
    internal static IReadOnlyList<Grid> One(Cpumap cpumap, string withoutStatus = "valid, not created")
    {
        CpumapSpec spec = cpumap.Spec ?? new CpumapSpec();
        Grid fields = Grid.Fields()
            .Add("Name", cpumap.Name)
            .Add("Backend", Names.Of(spec.Backend))
            .Add("CPUs below", spec.MaxEntries == 0 ? "those of this machine" : $"{spec.MaxEntries}")
            .Add("Frags", Names.YesNo(spec.Frags));
        Labels.AddTo(fields, cpumap.Labels);
        if (cpumap.Status is not { } status)
        {
            fields.Add("State", new Cell(withoutStatus, Tone.Dim));
            return [fields];
        }

        if (spec.Backend != CpumapBackend.Userspace)
        {
            fields.Add("Map", $"id {status.MapId}, values of {status.ValueSize} bytes");
        }

        fields.Add("Counters", status.CountersAvailable
            ? "yes"
            : new Cell(Reason.Append("no", status.CountersReason), Tone.Warning));
        fields.Add("Used by", string.Join(", ", status.UsedBy));
        List<Grid> tables = [fields, Entries(status.Entries)];
        if (status.RedirectErrors.Count > 0)
        {
            tables.Add(RedirectErrors(status.RedirectErrors));
        }

        return tables;
    }

    /// <summary>An entry that was set, or removed.</summary>
    internal static IReadOnlyList<Grid> Updated(string cpumap, uint cpu, UpdateCpumapEntryResponse answer)
    {
        Grid fields = Grid.Fields()
            .Add("Cpumap", cpumap)
            .Add("CPU", $"{cpu}");
        if (answer.Entry is { } entry)
        {
            fields
                .Add("Queue", $"{entry.QueueSize} frames")
                .Add("Program", CpumapPrograms.Format(entry.Program))
                .Add("Threads", $"{entry.Threads}");
        }
        else
        {
            fields.Add("Entry", "removed");
        }

        if (answer.Draining)
        {
            fields.Add("Draining", new Cell(
                "the old thread still empties its queue: frames of one flow may overtake each other", Tone.Warning));
        }

        return [fields];
    }

    internal static IReadOnlyList<Grid> Programs(IEnumerable<CpumapProgram> programs)
    {
        var grid = new Grid("NAME", "CODE", ">ID", "FRAGS", ">INSTRUCTIONS", "USED BY") { WhenEmpty = "no programs" };
        foreach (CpumapProgram program in programs)
        {
            CpumapProgramStatus? status = program.Status;
            grid.Add(
                program.Name,
                CodeOf(program.Spec),
                status is null ? Names.Unobserved : status.ProgramId == 0 ? "" : $"{status.ProgramId}",
                status is null ? Names.Unobserved : Names.YesNo(status.Frags),
                status is null ? Names.Unobserved : $"{status.Instructions}",
                status is null ? Names.Unobserved : string.Join(", ", status.UsedBy));
        }

        return [grid];
    }

    internal static IReadOnlyList<Grid> Program(CpumapProgram program)
    {
        Grid fields = Grid.Fields()
            .Add("Name", program.Name)
            .Add("Code", CodeOf(program.Spec));
        if (program.Status is { } status)
        {
            fields
                .Add("Program", status.ProgramId == 0 ? "" : $"id {status.ProgramId}")
                .Add("Frags", Names.YesNo(status.Frags))
                .Add("Instructions", $"{status.Instructions}");
        }

        return [fields];
    }

    private static Grid Entries(IEnumerable<CpumapEntry> entries)
    {
        var grid = new Grid(
            ">CPU", ">QUEUE", "PROGRAM", ">THREADS", ">ENQUEUED", ">DROPS", ">BULK", ">PROCESSED", ">ALLOC DROPS",
            ">SCHED", ">PASS", ">DROP", ">REDIRECT")
        { Title = "Entries", WhenEmpty = "none: `nfctl cpumap entry set` makes one" };
        foreach (CpumapEntry entry in entries)
        {
            CpumapEntryCounters counters = entry.Counters ?? new CpumapEntryCounters();
            grid.Add(
                $"{entry.Cpu}", $"{entry.QueueSize}", CpumapPrograms.Format(entry.Program),
                new Cell($"{entry.Threads}", entry.Threads == 1 ? Tone.Plain : Tone.Warning),
                $"{counters.Enqueued}", Fault(counters.EnqueueDrops), Bulk(counters.Enqueued, counters.Bulks),
                $"{counters.Processed}", Fault(counters.AllocDrops), $"{counters.Sched}",
                $"{counters.ProgramPass}", $"{counters.ProgramDrop}", $"{counters.ProgramRedirect}");
        }

        return grid;
    }

    private static Grid RedirectErrors(IEnumerable<RedirectError> errors)
    {
        var grid = new Grid("INTERFACE", "ERROR", ">PACKETS") { Title = "Not redirected" };
        foreach (RedirectError error in errors)
        {
            grid.Add(error.Interface, error.Error, Fault(error.Packets));
        }

        return grid;
    }

    /// <summary>Frames that were queued at a time, on average; 8 at best.</summary>
    internal static string Bulk(ulong frames, ulong bulks) =>
        bulks == 0 ? "" : ((double)frames / bulks).ToString("0.0", CultureInfo.InvariantCulture);

    private static ulong DropsOf(CpumapStatus status) => status.Entries.Aggregate(
        0UL, (sum, entry) => sum + (entry.Counters?.EnqueueDrops ?? 0) + (entry.Counters?.AllocDrops ?? 0));

    private static string CodeOf(CpumapProgramSpec? spec) => spec?.CodeCase switch
    {
        CpumapProgramSpec.CodeOneofCase.Elf =>
            $"ELF {spec.Elf.Sha256[..Math.Min(DigestCharsShown, spec.Elf.Sha256.Length)]} {spec.Elf.Section}".Trim(),
        CpumapProgramSpec.CodeOneofCase.Filters => $"{spec.Filters.Steps.Count} filters",
        _ => "",
    };

    private static Cell Fault(ulong count) => new($"{count}", count == 0 ? Tone.Plain : Tone.Warning);
}
