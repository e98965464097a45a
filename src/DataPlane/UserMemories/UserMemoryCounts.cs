namespace Nf.DataPlane.UserMemories;

/// <summary>What happened to user memory since the start. The control thread's.</summary>
internal sealed class UserMemoryCounts
{
    /// <summary>Objects made.</summary>
    internal ulong Created { get; set; }

    /// <summary>Pages were fetched, with success.</summary>
    internal ulong Acquired { get; set; }

    /// <summary>Pages could not be fetched.</summary>
    internal ulong Failed { get; set; }

    /// <summary>Results thrown away, because they were cancelled or superseded.</summary>
    internal ulong Discarded { get; set; }

    /// <summary>Objects that had to let go because their owner took the memory away.</summary>
    internal ulong Invalidated { get; set; }

    /// <summary>Of these, those that a message named that nobody had expected of its source: let go after the fact.
    /// </summary>
    internal ulong InvalidatedLate { get; set; }

    /// <summary>Users that could not be stopped at once.</summary>
    internal ulong LetGoFailed { get; set; }

    /// <summary>Idle objects that were let go under memory pressure.</summary>
    internal ulong Reclaimed { get; set; }

    /// <summary>Bytes given back that may have been written to here. An estimate: the kernel calls every page of a
    /// UMEM dirty, and what a cancelled acquire touched is not counted.</summary>
    internal ulong DirtiedBytes { get; set; }

    /// <summary>Bytes held now.</summary>
    internal ulong ActiveBytes { get; set; }
}
