using Nf.Internal.V1;
using Nf.SharedMemory.Segments;
using Nf.SharedMemory.Store;

namespace Nf.DataPlane.Control;

// Making anew what an earlier life left: names, specs and counts outlive it, queues do not.
internal sealed partial class UserspaceCpumaps
{
    /// <summary>Makes a cpumap of an earlier life work again. What was in its queues is gone, and counted where it was
    /// received.</summary>
    /// <exception cref="InvalidDataException">This is none of ours.</exception>
    /// <returns>Entries that could not be made again, for people.</returns>
    internal IReadOnlyList<string> Adopt(StoreEntry entry)
    {
        StoredCpumap stored = StoredCpumap.Parser.ParseFrom(entry.Metadata);
        if (stored.Version != KernelCpumaps.StoredVersion || stored.Cpumap is not { Name.Length: > 0, Spec: not null }
            || entry.Descriptors.Count != 0)
        {
            throw new InvalidDataException("no cpumap of this version");
        }

        var cpumap = new UserspaceCpumapResource(stored.Cpumap);
        resources.Queues.Add(cpumap.Name, cpumap.Queues);
        resources.Cpumaps.Add(cpumap.Name, cpumap);
        var remarks = new List<string>();
        foreach (StoredCpumapEntry one in stored.Entries)
        {
            try
            {
                AdoptEntry(cpumap, one);
            }
            catch (CommandFaultException fault)
            {
                remarks.Add($"CPU {one.Spec.Cpu}: {fault.Message}");
            }
        }

        Publish(cpumap);
        return remarks;
    }

    private void AdoptEntry(UserspaceCpumapResource cpumap, StoredCpumapEntry stored)
    {
        uint cpu = stored.Spec.Cpu;
        Start(cpumap, stored.Spec, UserspaceProgram.Of(stored.Spec.Program, resources), resources.Workers.On((int)cpu));
        int slot = (int)stored.Slot;
        resources.CpumapEntrySlots.Claim(slot);
        CpumapEntrySlot seen = resources.Segment.CpumapEntry(slot);
        cpumap.Queues.Earlier[cpu] = new UserspaceCounts { In = seen.In, Out = seen.Out };
        cpumap.Entries.Add(cpu, new CpumapEntryResource(stored.Spec, slot));
    }
}
