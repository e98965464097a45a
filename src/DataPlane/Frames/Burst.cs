using System.Runtime.CompilerServices;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Frames;

/// <summary>What a burst came to, counted apart so that nothing is counted twice when the burst is done
/// again.</summary>
internal struct Burst
{
    /// <summary>Packets taken from the RX ring.</summary>
    internal uint RxPackets;

    /// <summary>Bytes of them.</summary>
    internal ulong RxBytes;

    /// <summary>Packets written to the TX ring.</summary>
    internal uint TxPackets;

    /// <summary>Descriptors of them.</summary>
    internal uint TxDescriptors;

    /// <summary>Bytes of them.</summary>
    internal ulong TxBytes;

    /// <summary>Chunks that came back from the kernel.</summary>
    internal uint Returned;

    /// <summary>Packets dropped.</summary>
    internal uint Dropped;

    /// <summary>Why the last of them was.</summary>
    internal DropReason LastDropReason;

    /// <summary>Packets dropped, by reason.</summary>
    internal BurstDrops Drops;

    /// <summary>Counts a dropped packet.</summary>
    internal void Drop(DropReason reason) => Drop(reason, 1);

    /// <summary>Counts dropped packets; none leave the reason as it was.</summary>
    internal void Drop(DropReason reason, uint packets)
    {
        if (packets != 0)
        {
            Drops[(int)reason] += packets;
            Dropped += packets;
            LastDropReason = reason;
        }
    }
}

/// <summary>A count per <see cref="DropReason"/>.</summary>
[InlineArray(DropReasons.Count)]
internal struct BurstDrops
{
    private uint _first;
}
