namespace Nf.DataPlane.Vhost.Rings;

/// <summary>Why a ring cannot be trusted any more. It is not touched again until it is stopped and started.</summary>
internal enum RingFault
{
    /// <summary>It can be trusted.</summary>
    None = 0,

    /// <summary>The driver's index is further ahead than the ring is long.</summary>
    IndexAhead = 1,

    /// <summary>An available entry names a descriptor that does not exist.</summary>
    HeadOutOfRange = 2,

    /// <summary>A chain goes on at a descriptor that does not exist.</summary>
    NextOutOfRange = 3,

    /// <summary>A chain has more descriptors than the ring.</summary>
    ChainLoops = 4,

    /// <summary>The memory of the ring went away under it.</summary>
    MemoryLost = 5,
}
