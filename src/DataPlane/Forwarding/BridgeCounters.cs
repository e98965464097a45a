namespace Nf.DataPlane.Forwarding;

/// <summary>What passed through an end of a bridge since the bridge was made.</summary>
internal struct BridgeCounters
{
    /// <summary>Packets received on it that reached the bridge.</summary>
    internal ulong RxPackets;

    /// <summary>Bytes of them.</summary>
    internal ulong RxBytes;

    /// <summary>Frames sent by it, copies of flooded ones included.</summary>
    internal ulong TxPackets;

    /// <summary>Bytes of them.</summary>
    internal ulong TxBytes;

    /// <summary>Frames received on it that were sent to all others.</summary>
    internal ulong Flooded;

    /// <summary>Frames for it, copies of flooded ones included, that it could not take.</summary>
    internal ulong Dropped;
}
