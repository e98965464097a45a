using Nf.SharedMemory.Segments;
using Nf.V1;

namespace Nf.Service.Tests;

/// <summary>Slots of vhost ports as a data plane fills them.</summary>
internal static class VhostSegment
{
    /// <summary>A queue pair that carries traffic; every counter another number.</summary>
    public static void Fill(SegmentWriter segment, int slot, uint pair)
    {
        ref PortSlot port = ref segment.Port(slot);
        (port.Identity.Kind, port.Identity.State, port.Identity.Queue) =
            ((uint)PortKind.Vhost, (uint)VhostState.Started, pair);
        (port.Traffic.RxPackets, port.Traffic.TxBytes) = (10, 77);
        (port.Traffic.LinkPackets, port.Traffic.LinkBytes) = (8, 800);
        port.Drops[(int)DropReason.NoGuestBuffer] = 2;
        (port.Vhost.KicksReceived, port.Vhost.CallsSent, port.Vhost.CallsSuppressed) = (3, 4, 5);
        (port.Vhost.RxPending, port.Vhost.TxPending) = (6, 7);
        (port.Vhost.BadChains, port.Vhost.RingFaults) = (8, 9);
        port.Identity.InUse = 1;
    }
}
