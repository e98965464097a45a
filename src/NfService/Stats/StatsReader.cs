using Google.Protobuf.WellKnownTypes;
using Nf.SharedMemory.Segments;
using Nf.V1;

namespace Nf.Service;

/// <summary>Joins the counters of the segment with the names of what runs, without a message.</summary>
internal sealed class StatsReader(SegmentView segment, ObservedState observed)
{
    /// <summary>Every counter now, or null when there is no data plane.</summary>
    public Stats? TryRead()
    {
        if (segment.TryRead() is not { } snapshot)
        {
            return null;
        }

        Running running = observed.Running;
        var stats = new Stats
        {
            Time = Timestamp.FromDateTimeOffset(snapshot.Taken),
            Generation = snapshot.Generation,
        };
        stats.Ports.Add(SegmentSlots.Join(
            running.XskSockets.Values, snapshot.Ports, s => s.Status?.SegmentSlot, PortStatsOf.Socket));
        stats.Ports.Add(SegmentSlots.VhostPorts(running, snapshot).Select(PortStatsOf.Vhost));
        stats.Umems.Add(SegmentSlots.Join(
            running.Umems.Values, snapshot.Umems, u => u.Status?.SegmentSlot, ToProto));
        stats.Workers.Add(snapshot.Workers.Select(worker => ToProto(worker, snapshot.TakenMonotonicNs)));
        stats.Links.Add(running.Links.Values.Select(link => ToProto(link, running, snapshot)));
        stats.Bridges.Add(running.Bridges.Values.Select(ToProto));
        stats.CpumapEntries.Add(SteerStatsOf.Entries(running, snapshot).Select(SteerStatsOf.Entry));
        stats.SteeringRules.Add(SteerStatsOf.Rules(running, snapshot).Select(SteerStatsOf.Rule));
        return stats;
    }

    private static UmemStats ToProto(Umem umem, UmemSlot slot) => new()
    {
        Umem = umem.Name,
        Chunks = slot.Identity.ChunkCount,
        Free = slot.Counters.Free,
        Fill = slot.Counters.Fill,
        Tx = slot.Counters.Tx,
        WildCompletions = slot.Counters.WildCompletions,
    };

    private static WorkerStats ToProto(WorkerSlot worker, long nowNs) => new()
    {
        Cpu = worker.Identity.Cpu,
        BusyNs = worker.Counters.BusyNs,
        TotalNs = (ulong)Math.Max(0, nowNs - worker.Counters.StartedNs),
        Polls = worker.Counters.Polls,
        Sleeps = worker.Counters.Sleeps,
        Packets = worker.Counters.Packets,
    };

    private static LinkStats ToProto(Link link, Running running, SegmentSnapshot snapshot)
    {
        (ulong Packets, ulong Bytes) fromA = SegmentSlots.LinkTraffic(link.Spec.A, running, snapshot);

        // A loop has one direction: what its sockets received counts once.
        bool isLoop = link.Spec.A.Equals(link.Spec.B);
        (ulong Packets, ulong Bytes) fromB =
            isLoop ? (0, 0) : SegmentSlots.LinkTraffic(link.Spec.B, running, snapshot);
        return new LinkStats
        {
            Link = link.Name,
            AToBPackets = fromA.Packets,
            AToBBytes = fromA.Bytes,
            BToAPackets = fromB.Packets,
            BToABytes = fromB.Bytes,
        };
    }

    // The table is the data plane's own; what it last told is seconds old at most.
    private static BridgeStats ToProto(Bridge bridge)
    {
        BridgeStatus status = bridge.Status ?? new BridgeStatus();
        return new BridgeStats
        {
            Bridge = bridge.Name,
            Entries = status.Entries,
            Learned = status.Learned,
            Moved = status.Moved,
            Aged = status.Aged,
            FloodedPackets = status.FloodedPackets,
            TableFullPackets = status.TableFullPackets,
            DroppedPackets = status.Ports.Aggregate(0UL, (sum, port) => sum + port.DroppedPackets),
        };
    }
}
