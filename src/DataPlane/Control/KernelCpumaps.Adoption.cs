using Nf.DataPlane.Cpumaps;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Segments;
using Nf.SharedMemory.Store;
using Nf.V1;

namespace Nf.DataPlane.Control;

// Taking over what an earlier life left. The map tells what is; the store tells what was asked for.
internal sealed partial class KernelCpumaps
{
    /// <summary>Version of what the keeper is given.</summary>
    internal const uint StoredVersion = 1;

    /// <summary>Counts on where the life before counted; before the first cpumap.</summary>
    /// <exception cref="InvalidDataException">It counted otherwise; then counting begins anew.</exception>
    internal void AdoptStatistics(StoreEntry entry) =>
        Use(StatisticsAdoption.Adopt(entry.Metadata, entry.Descriptors));

    /// <returns>What was found different, for people.</returns>
    /// <exception cref="InvalidDataException">This is no cpumap of ours.</exception>
    internal IReadOnlyList<string> Adopt(StoreEntry entry)
    {
        StoredCpumap stored = StoredCpumap.Parser.ParseFrom(entry.Metadata);
        if (stored.Version != StoredVersion || stored.Cpumap is not { Name.Length: > 0, Spec: not null }
            || entry.Descriptors.Count != 1)
        {
            throw new InvalidDataException("no cpumap of this version");
        }

        var kernel = new KernelCpumap(new BpfMap(entry.Descriptors[0]));
        if (kernel.Map.Type != LinuxBpf.BPF_MAP_TYPE_CPUMAP || kernel.Id != stored.MapId
            || kernel.MaxEntries != stored.Cpumap.Spec.MaxEntries)
        {
            throw new InvalidDataException(
                $"map {kernel.Id} of type {kernel.Map.Type}, expected cpumap {stored.MapId}");
        }

        bool countsOn = _statistics is not null;
        BeginCounting();
        var cpumap = new KernelCpumapResource(stored.Cpumap, kernel);
        var remarks = new List<string>();
        Dictionary<uint, (uint QueueSize, uint ProgramId)> present = kernel.Entries().ToDictionary(
            found => found.Cpu, found => (found.QueueSize, found.ProgramId));
        foreach (IGrouping<uint, StoredCpumapEntry> candidates in stored.Entries.GroupBy(e => e.Spec.Cpu))
        {
            if (present.Remove(candidates.Key, out (uint QueueSize, uint ProgramId) found))
            {
                AdoptEntry(cpumap, candidates, found, countsOn, remarks);
            }
            else if (candidates.Any(candidate => !candidate.Pending))
            {
                remarks.Add($"CPU {candidates.Key}: somebody removed the entry");
            }
        }

        // The life before ended while it removed these.
        foreach (uint leftover in present.Keys)
        {
            kernel.Map.Delete(leftover);
        }

        resources.Cpumaps.Add(cpumap.Name, cpumap);
        Remember(cpumap);
        Publish(cpumap);
        return remarks;
    }

    private void AdoptEntry(
        KernelCpumapResource cpumap, IEnumerable<StoredCpumapEntry> candidates,
        (uint QueueSize, uint ProgramId) found, bool countsOn, List<string> remarks)
    {
        StoredCpumapEntry? match = candidates.LastOrDefault(
            candidate => candidate.Spec.QueueSize == found.QueueSize && candidate.ProgramId == found.ProgramId);
        StoredCpumapEntry stored = match ?? candidates.First();
        uint cpu = stored.Spec.Cpu;
        CpumapEntrySpec spec = stored.Spec.Clone();
        if (match is null)
        {
            remarks.Add(
                $"CPU {cpu}: somebody set a queue of {found.QueueSize} with program {found.ProgramId} in place of "
                + $"{stored.Spec.QueueSize} with program {stored.ProgramId}");
            spec.QueueSize = found.QueueSize;
            spec.Program = found.ProgramId == stored.ProgramId ? spec.Program : null;
        }

        resources.CpumapEntrySlots.Claim((int)stored.Slot);
        Watch(cpumap, cpu);
        _threads!.Adopt(cpumap.Kernel.Id, cpu, runs: true);
        var redirect = new KernelRedirect(
            new FileIdentity(stored.RedirectNamespaceDevice, stored.RedirectNamespaceInode),
            (int)stored.RedirectIfindex, stored.RedirectMapId);
        var entry = new CpumapEntryResource(spec, (int)stored.Slot)
        {
            ProgramId = found.ProgramId,
            Redirect = match is not null && stored.RedirectIfindex != 0 ? redirect : null,
            Earlier = countsOn ? CpumapCounters.ToCounts(stored.Earlier) : CountsIn((int)stored.Slot),
        };
        _statistics?.WatchProgram(cpumap.Kernel.Id, entry.ProgramId, entry.Redirect?.MapId ?? 0);
        cpumap.Entries.Add(cpu, entry);
    }

    private CpumapCounts CountsIn(int slot)
    {
        CpumapEntrySlot seen = resources.Segment.CpumapEntry(slot);
        return new CpumapCounts
        {
            Enqueued = seen.In.Enqueued,
            EnqueueDrops = seen.In.EnqueueDrops,
            Bulks = seen.In.Bulks,
            Processed = seen.Out.Processed,
            AllocDrops = seen.Out.AllocDrops,
            Sched = seen.Out.Sched,
            Pass = seen.Out.ProgramPass,
            Drop = seen.Out.ProgramDrop,
            Redirect = seen.Out.ProgramRedirect,
        };
    }
}
