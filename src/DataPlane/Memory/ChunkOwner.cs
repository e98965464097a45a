namespace Nf.DataPlane.Memory;

/// <summary>
/// Who has a chunk. The upper three bits of a ledger entry; the lower thirteen are the id of the pool (the fill and
/// completion ring) through which the kernel got it.
/// </summary>
/// <remarks>
/// The kernel tells nobody which chunks it holds, so this is the only record of them: a chunk is
/// <see cref="Fill"/> from the moment it is posted until it comes out of an RX ring, and <see cref="Tx"/> from the
/// moment it is sent until it comes out of the completion ring.
/// </remarks>
internal static class ChunkOwner
{
    /// <summary>In the free pool.</summary>
    internal const ushort Free = 0;

    /// <summary>The kernel's to receive into, or received and not yet looked at.</summary>
    internal const ushort Fill = 0x2000;

    /// <summary>The kernel's to send, or sent and not yet looked at.</summary>
    internal const ushort Tx = 0x4000;

    /// <summary>In the hands of workers for longer than a burst: with a frame that was received through that pool and
    /// handed over.</summary>
    internal const ushort Worker = 0x6000;

    /// <summary>Selects the owner.</summary>
    internal const ushort KindMask = 0xE000;

    /// <summary>Selects the pool.</summary>
    internal const ushort PoolMask = 0x1FFF;
}
