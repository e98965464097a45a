namespace Nf.SharedMemory.Store;

/// <summary>What the keeper wants, when it speaks unasked.</summary>
public enum KeeperSignal
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Put things down and end with code 0. Said once.</summary>
    Shutdown,

    /// <summary>The keeper itself is gone; nobody will hand on the store. Said every time from then on.</summary>
    Gone,
}
