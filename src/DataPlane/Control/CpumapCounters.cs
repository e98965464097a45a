using Nf.DataPlane.Cpumaps;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>Counters of an entry, from and to the wire.</summary>
internal static class CpumapCounters
{
    internal static CpumapEntryCounters ToProto(in CpumapCounts counts) => new()
    {
        Enqueued = counts.Enqueued,
        EnqueueDrops = counts.EnqueueDrops,
        Bulks = counts.Bulks,
        Processed = counts.Processed,
        AllocDrops = counts.AllocDrops,
        Sched = counts.Sched,
        ProgramPass = counts.Pass,
        ProgramDrop = counts.Drop,
        ProgramRedirect = counts.Redirect,
    };

    internal static CpumapCounts ToCounts(CpumapEntryCounters? counters) => counters is null
        ? default
        : new CpumapCounts
        {
            Enqueued = counters.Enqueued,
            EnqueueDrops = counters.EnqueueDrops,
            Bulks = counters.Bulks,
            Processed = counters.Processed,
            AllocDrops = counters.AllocDrops,
            Sched = counters.Sched,
            Pass = counters.ProgramPass,
            Drop = counters.ProgramDrop,
            Redirect = counters.ProgramRedirect,
        };
}
