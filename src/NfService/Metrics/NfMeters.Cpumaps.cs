using System.Diagnostics.Metrics;
using Nf.SharedMemory.Segments;
using Nf.V1;
using Tag = System.Collections.Generic.KeyValuePair<string, object?>;

namespace Nf.Service;

// Instruments of cpumaps.
internal sealed partial class NfMeters
{
    private void AddCpumaps()
    {
        _meter.CreateObservableGauge(
            "nf_cpumap_info",
            () => CpumapStatuses().Select(cpumap => One(WithLabels(
                cpumap.Labels,
                ("cpumap", cpumap.Name),
                ("backend", SteerStatsOf.BackendName(cpumap.Spec?.Backend ?? CpumapBackend.Kernel)),
                ("map_id", cpumap.Status.MapId),
                ("frags", cpumap.Spec?.Frags == true ? "true" : "false")))),
            null, "What a cpumap is");
        _meter.CreateObservableGauge(
            "nf_cpumap_entry_info",
            () => CpumapStatuses().SelectMany(cpumap => cpumap.Status.Entries.DistinctBy(entry => entry.Cpu).Select(
                entry => One(Tags(
                    ("cpumap", cpumap.Name), ("cpu", entry.Cpu), ("program", ProgramName(entry.Program)))))),
            null, "What an entry of a cpumap runs");
        _meter.CreateObservableGauge(
            "nf_cpumap_counters_available",
            () => CpumapStatuses().Select(cpumap => new Measurement<long>(
                cpumap.Status.CountersAvailable ? 1 : 0, Tags(("cpumap", cpumap.Name)))),
            null, "1 where the counters of the kernel's tracepoints are there");
        EntryGauge("nf_cpumap_queue_size", "Frames that the queue holds", slot => slot.Identity.QueueSize);
        EntryGauge("nf_cpumap_threads", "Threads alive: more than 1 while replaced ones drain",
            slot => slot.Identity.Threads);
        _meter.CreateObservableGauge(
            "nf_cpumap_queue_level",
            () => CpumapEntries()
                .Where(found => found.Slot.Identity.Backend == (uint)CpumapBackend.Userspace)
                .Select(found => new Measurement<long>(found.Slot.Identity.QueueLevel, TagsOf(found))),
            null, "Frames in the queue; of cpumaps in user space");
        AddCpumapCounters();
    }

    private void AddCpumapCounters()
    {
        EntryCounter("nf_cpumap_enqueued", "Frames that were to be queued, dropped ones included",
            slot => slot.In.Enqueued);
        EntryCounter("nf_cpumap_enqueue_drops", "Frames dropped as the queue was full", slot => slot.In.EnqueueDrops);
        EntryCounter("nf_cpumap_bulks", "Times that frames were queued", slot => slot.In.Bulks);
        EntryCounter("nf_cpumap_processed", "Frames taken from the queue", slot => slot.Out.Processed);
        EntryCounter("nf_cpumap_alloc_drops", "Frames dropped for want of memory", slot => slot.Out.AllocDrops);
        EntryCounter("nf_cpumap_sched", "Times the thread slept or yielded", slot => slot.Out.Sched);
        _meter.CreateObservableCounter(
            "nf_cpumap_program",
            () => CpumapEntries().SelectMany(found => new[]
            {
                OfProgram(found, "pass", found.Slot.Out.ProgramPass),
                OfProgram(found, "drop", found.Slot.Out.ProgramDrop),
                OfProgram(found, "redirect", found.Slot.Out.ProgramRedirect),
            }),
            null, "Frames by what the entry's program made of them");
        _meter.CreateObservableCounter(
            "nf_cpumap_redirect_errors",
            () => CpumapStatuses().SelectMany(cpumap => cpumap.Status.RedirectErrors
                .DistinctBy(error => (error.Interface, error.Error))
                .Select(error => Count(
                    error.Packets,
                    ("cpumap", cpumap.Name), ("interface", error.Interface), ("error", error.Error)))),
            null, "Frames that could not be redirected into the map, by where they arrived and the kernel's error");
    }

    private static Tag[] TagsOf(CpumapEntryOfSegment found, params (string, object?)[] more) =>
        Tags([("cpumap", found.Cpumap.Name), ("cpu", found.Entry.Cpu), .. more]);

    private static Measurement<long> OfProgram(CpumapEntryOfSegment found, string verdict, ulong frames) =>
        new((long)frames, TagsOf(found, ("verdict", verdict)));

    private static string ProgramName(CpumapEntryProgram? program) => program?.ProgramCase switch
    {
        CpumapEntryProgram.ProgramOneofCase.Builtin => MetricNames.Snake(program.Builtin.ToString()),
        CpumapEntryProgram.ProgramOneofCase.Loaded => program.Loaded,
        _ => "",
    };

    private IEnumerable<Cpumap> CpumapStatuses() => _source.Read() is { Segment: not null, Running: var running }
        ? running.Cpumaps.Values.Where(cpumap => cpumap.Status is not null)
        : [];

    private IEnumerable<CpumapEntryOfSegment> CpumapEntries() =>
        _source.Read() is { Segment: { } segment, Running: var running } ? SteerStatsOf.Entries(running, segment) : [];

    private void EntryGauge(string name, string help, Func<CpumapEntrySlot, uint> read) =>
        _meter.CreateObservableGauge(
            name,
            () => CpumapEntries().Select(found => new Measurement<long>(read(found.Slot), TagsOf(found))),
            null,
            help);

    private void EntryCounter(string name, string help, Func<CpumapEntrySlot, ulong> read) =>
        _meter.CreateObservableCounter(
            name,
            () => CpumapEntries().Select(found => new Measurement<long>((long)read(found.Slot), TagsOf(found))),
            null,
            help);
}
