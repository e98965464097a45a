using Nf.SharedMemory.Segments;
using Nf.V1;

namespace Nf.Service;

/// <summary>Counters of a port for an answer.</summary>
internal static class PortStatsOf
{
    /// <summary>The name of a granted mode.</summary>
    public static string ModeName(bool zeroCopy) => zeroCopy ? "zero-copy" : "copy";

    /// <summary>A socket's.</summary>
    public static PortStats Socket(XskSocket socket, PortSlot slot)
    {
        PortStats port = Traffic(slot);
        port.XskSocket = socket.Name;
        port.Interface = socket.Status.Interface;
        port.Mode = ModeName(slot.Identity.ZeroCopy != 0);
        port.State = StateName((XskState)slot.Identity.State);
        port.TxKicks = slot.Rings.TxKicks;
        port.FillKicks = slot.Rings.FillKicks;
        port.FillLevel = slot.Rings.FillLevel;
        port.RxLevel = slot.Rings.RxLevel;
        port.TxLevel = slot.Rings.TxLevel;
        port.CompletionLevel = slot.Rings.CompletionLevel;
        port.Link = socket.Status.Link;
        port.Bridge = socket.Status.Bridge;
        return port;
    }

    /// <summary>A queue pair's.</summary>
    public static PortStats Vhost(VhostPortSlot found)
    {
        (VhostDevice device, _, PortSlot slot) = found;
        PortStats port = Traffic(slot);
        port.VhostDevice = device.Name;
        port.State = StateName((VhostState)slot.Identity.State);
        port.Link = device.Status.Link;
        port.Bridge = device.Status.Bridge;
        port.Vhost = new VhostPortStats
        {
            KicksReceived = slot.Vhost.KicksReceived,
            CallsSent = slot.Vhost.CallsSent,
            CallsSuppressed = slot.Vhost.CallsSuppressed,
            BadChains = slot.Vhost.BadChains,
            RingFaults = slot.Vhost.RingFaults,
            ToGuestPending = slot.Vhost.RxPending,
            FromGuestPending = slot.Vhost.TxPending,
        };
        return port;
    }

    private static PortStats Traffic(PortSlot slot)
    {
        var port = new PortStats
        {
            Queue = slot.Identity.Queue,
            RxPackets = slot.Traffic.RxPackets,
            RxBytes = slot.Traffic.RxBytes,
            TxPackets = slot.Traffic.TxPackets,
            TxBytes = slot.Traffic.TxBytes,
            RxBatches = slot.Traffic.RxBatches,
        };
        port.Drops.Add(PortDropCounts.Of(slot)
            .Where(drop => drop.Packets > 0)
            .Select(drop => new DropCount { Reason = drop.Reason, Packets = drop.Packets }));
        return port;
    }

    private static string StateName<T>(T state)
        where T : struct, Enum =>
        Enum.IsDefined(state) && Convert.ToInt32(state) != 0 ? MetricNames.Snake(state.ToString()) : "unknown";
}
