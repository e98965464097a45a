using Nf.SharedMemory.Segments;

namespace Nf.Service;

/// <summary>Packets of one port that were dropped for one reason.</summary>
internal readonly record struct PortDropCount(string Direction, string Reason, ulong Packets);

/// <summary>Every drop of a port with its reason, ours and a socket's kernel's, each packet once.</summary>
internal static class PortDropCounts
{
    public const string Receive = "rx";
    public const string Transmit = "tx";

    /// <summary>The drops, by reason; reasons that never occurred included.</summary>
    public static IEnumerable<PortDropCount> Of(PortSlot port)
    {
        for (int reason = 0; reason < DropReasons.Count; reason++)
        {
            yield return new PortDropCount(Receive, DropReasons.Name((DropReason)reason), port.Drops[reason]);
        }

        if (port.Identity.Kind == (uint)PortKind.Vhost)
        {
            yield break;
        }

        // The kernel counts a packet that found the fill ring empty as rx_dropped, too; the two are read apart, so the
        // difference may be behind for a moment, but never below zero.
        PortKernel kernel = port.Kernel;
        ulong otherDropped = kernel.RxDropped - Math.Min(kernel.RxDropped, kernel.RxFillRingEmptyDescs);
        yield return new PortDropCount(Receive, "rx_ring_full", kernel.RxRingFull);
        yield return new PortDropCount(Receive, "rx_fill_ring_empty", kernel.RxFillRingEmptyDescs);
        yield return new PortDropCount(Receive, "rx_dropped", otherDropped);
        yield return new PortDropCount(Transmit, "tx_invalid_descs", kernel.TxInvalidDescs);
    }
}
