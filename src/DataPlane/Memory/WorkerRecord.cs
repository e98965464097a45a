using System.Runtime.InteropServices;

namespace Nf.DataPlane.Memory;

/// <summary>
/// What a worker is about to do, written before it does it, in memory that survives it: with this its successor
/// finishes or undoes the one step that a kill can interrupt.
/// </summary>
/// <remarks>
/// A burst is committed by a single store: the producer index of the TX ring. The record says what else follows from
/// that store (which RX entries are used up, what the counters are after it), so that a successor which finds the index
/// advanced does the rest, and one which does not finds every packet still in the RX ring. A life that is killed stops
/// between two of its stores: all earlier ones are in memory, in their order, because each is a volatile write.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = 128)]
internal struct WorkerRecord
{
    /// <summary>For <see cref="RxPort"/>: the frames come from a port that releases them later. For
    /// <see cref="TxPort"/>: everything of the burst is dropped, or was sent before.</summary>
    internal const int NoPort = -1;

    /// <summary>For <see cref="TxPort"/>: the burst is over but for the counters of the port that received
    /// it.</summary>
    internal const int CountersOnly = -2;

    /// <summary>1 while a burst is between its first and its last store.</summary>
    internal uint BurstOpen;

    /// <summary>Slot of the port that receives, or <see cref="NoPort"/>.</summary>
    internal int RxPort;

    /// <summary>Slot of the port that sends, or <see cref="NoPort"/>, or <see cref="CountersOnly"/>.</summary>
    internal int TxPort;

    /// <summary>Consumer index of the RX ring after the burst.</summary>
    internal uint RxTarget;

    /// <summary>Producer index of the TX ring after the burst.</summary>
    internal uint TxTarget;

    /// <summary>1 when the frames are copies in chunks of the sending port's UMEM.</summary>
    internal uint Copied;

    /// <summary>Why packets of the burst were dropped, if any were: the last reason stands for all.</summary>
    internal uint DropReason;

    /// <summary>Counters after the burst: packets received by the RX port.</summary>
    internal ulong RxPackets;

    /// <summary>Bytes received by the RX port.</summary>
    internal ulong RxBytes;

    /// <summary>Packets of the RX port that its link forwarded.</summary>
    internal ulong LinkPackets;

    /// <summary>Bytes of them.</summary>
    internal ulong LinkBytes;

    /// <summary>Packets sent by the TX port.</summary>
    internal ulong TxPackets;

    /// <summary>Bytes sent by the TX port.</summary>
    internal ulong TxBytes;

    /// <summary>Packets of the RX port dropped for any reason; 0 when the burst drops none.</summary>
    internal ulong DropsTotal;

    /// <summary>1 while chunks are being posted to a fill ring.</summary>
    internal uint FillOpen;

    /// <summary>Slot of a port whose pool's fill ring it is.</summary>
    internal int FillPort;

    /// <summary>Producer index of the fill ring after it.</summary>
    internal uint FillTarget;
}
