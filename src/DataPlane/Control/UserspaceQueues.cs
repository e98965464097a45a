namespace Nf.DataPlane.Control;

/// <summary>The queues of a cpumap in user space, and what is sent into them.</summary>
/// <param name="laneCount">CPUs that can have an entry are below this.</param>
internal sealed class UserspaceQueues(int laneCount)
{
    /// <summary>CPUs that can have an entry are below this.</summary>
    internal int LaneCount { get; } = laneCount;

    /// <summary>By CPU.</summary>
    internal SortedDictionary<uint, UserspaceEntry> Entries { get; } = [];

    /// <summary>Entries that were replaced or removed, and are not empty yet.</summary>
    internal List<UserspaceEntry> Draining { get; } = [];

    /// <summary>Ports whose frames it spreads.</summary>
    internal List<CrossingWay> Ways { get; } = [];

    /// <summary>What ports that are gone, or earlier queues, had counted by CPU.</summary>
    internal Dictionary<uint, UserspaceCounts> Earlier { get; } = [];
}
