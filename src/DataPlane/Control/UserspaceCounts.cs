using Nf.DataPlane.Ports;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Control;

/// <summary>What an entry of a cpumap in user space counts.</summary>
internal record struct UserspaceCounts
{
    internal CpumapEntryIn In;
    internal CpumapEntryOut Out;

    /// <summary>Adds what a port put in. On its worker.</summary>
    internal void Add(CrossingLane lane)
    {
        In.Enqueued += lane.Enqueued;
        In.EnqueueDrops += lane.EnqueueDrops;
        In.Bulks += lane.Bulks;
    }

    /// <summary>Adds what was taken out. On its worker.</summary>
    internal void Add(UserspaceEntry entry)
    {
        CrossingOut queue = entry.Queue;
        ulong byProgram = queue.Drops[(int)DropReason.CpumapProgram];
        Out.Processed += queue.Traffic.RxPackets;
        Out.AllocDrops += queue.DropsTotal() - byProgram;
        Out.Sched += queue.Sleeps;
        Out.ProgramPass += entry.Filter?.Passed ?? 0;
        Out.ProgramDrop += byProgram;
        Out.ProgramRedirect += entry.Filter?.Redirected ?? 0;
    }
}
