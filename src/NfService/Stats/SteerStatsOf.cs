using Nf.SharedMemory.Segments;
using Nf.V1;

namespace Nf.Service;

/// <summary>An entry of a cpumap with its counters.</summary>
internal readonly record struct CpumapEntryOfSegment(Cpumap Cpumap, CpumapEntry Entry, CpumapEntrySlot Slot);

/// <summary>A rule of a steering with its counters.</summary>
/// <param name="Steering">The steering.</param>
/// <param name="Rule">The rule's name, or what stands for packets that meet none.</param>
/// <param name="Slot">Its slot.</param>
internal readonly record struct SteeringRuleOfSegment(Steering Steering, string Rule, SteeringRuleSlot Slot);

/// <summary>Joins cpumaps and steerings with their slots in the segment, and puts counters into answers.</summary>
internal static class SteerStatsOf
{
    /// <summary>
    /// Entries of cpumaps. A slot that belongs to another CPU by now is left out: the status is a little older.
    /// </summary>
    public static IEnumerable<CpumapEntryOfSegment> Entries(Running running, SegmentSnapshot snapshot)
    {
        foreach (Cpumap cpumap in running.Cpumaps.Values)
        {
            foreach (CpumapEntry entry in cpumap.Status?.Entries ?? [])
            {
                if (snapshot.CpumapEntries.TryGetValue((int)entry.SegmentSlot, out CpumapEntrySlot slot)
                    && slot.Identity.Cpu == entry.Cpu)
                {
                    yield return new CpumapEntryOfSegment(cpumap, entry, slot);
                }
            }
        }
    }

    /// <summary>Rules of steerings, then the packets that met none, then those of management.</summary>
    public static IEnumerable<SteeringRuleOfSegment> Rules(Running running, SegmentSnapshot snapshot)
    {
        foreach (Steering steering in running.Steerings.Values.Where(steering => steering.Status is not null))
        {
            SteeringStatus status = steering.Status;
            IEnumerable<(string Name, uint Slot, uint Place)> wanted =
            [
                .. status.Rules.Select((rule, place) => (rule.Name, rule.SegmentSlot, (uint)place)),
                (SteeringRules.DefaultRule, status.DefaultSegmentSlot, SteeringRuleSlot.DefaultRule),
                (SteeringRules.ManagementRule, status.ManagementSegmentSlot, SteeringRuleSlot.ManagementRule),
            ];
            foreach ((string name, uint number, uint place) in wanted)
            {
                if (snapshot.SteeringRules.TryGetValue((int)number, out SteeringRuleSlot slot) && slot.Rule == place)
                {
                    yield return new SteeringRuleOfSegment(steering, name, slot);
                }
            }
        }
    }

    /// <summary>Counters of an entry for an answer.</summary>
    public static CpumapEntryStats Entry(CpumapEntryOfSegment found) => new()
    {
        Cpumap = found.Cpumap.Name,
        Cpu = found.Entry.Cpu,
        Backend = BackendName((CpumapBackend)found.Slot.Identity.Backend),
        QueueSize = found.Slot.Identity.QueueSize,
        QueueLevel = found.Slot.Identity.QueueLevel,
        Threads = found.Slot.Identity.Threads,
        Counters = new CpumapEntryCounters
        {
            Enqueued = found.Slot.In.Enqueued,
            EnqueueDrops = found.Slot.In.EnqueueDrops,
            Bulks = found.Slot.In.Bulks,
            Processed = found.Slot.Out.Processed,
            AllocDrops = found.Slot.Out.AllocDrops,
            Sched = found.Slot.Out.Sched,
            ProgramPass = found.Slot.Out.ProgramPass,
            ProgramDrop = found.Slot.Out.ProgramDrop,
            ProgramRedirect = found.Slot.Out.ProgramRedirect,
        },
    };

    /// <summary>Counters of a rule for an answer.</summary>
    public static SteeringRuleStats Rule(SteeringRuleOfSegment found) => new()
    {
        Steering = found.Steering.Name,
        Rule = found.Rule,
        Packets = found.Slot.Packets,
        Bytes = found.Slot.Bytes,
    };

    /// <summary>The name of a backend, as counters carry it.</summary>
    public static string BackendName(CpumapBackend backend) => backend switch
    {
        CpumapBackend.Userspace => "userspace",
        _ => "kernel",
    };
}
