using System.Runtime.CompilerServices;
using Nf.DataPlane.Frames;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Ports;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Forwarding;

/// <remarks>
/// The walk for ports of any two kinds: receive, send, release. What is sent counts at once, each port by its own
/// commit; then the receiver gives back what it received. A kill between the two leaves the frames to the next life,
/// which sends them again: none is lost, and those of one burst may come twice.
/// </remarks>
internal sealed unsafe partial class Forwarder
{
    /// <summary>Most frames of a walk.</summary>
    internal const uint WalkMax = FrameBatch.CountMax;

    /// <summary>Most packets that the frames of a walk should become: a guest whose frames are cut into many has fewer
    /// of them taken at a time, so that the others wait no longer than for anybody else. Arbitrary.</summary>
    private const uint PacketsMax = 1024;

    /// <summary>Receives one burst on a port of any kind and sends it on its way.</summary>
    /// <returns>Packets received.</returns>
    internal uint Run(Port port)
    {
        switch (port)
        {
            case XskPort xsk:
                return Run(xsk);
            case CrossingOut queue:
                return RunCrossing(queue);
            case CrossingHome home:
                home.Reap();
                return 0;
            case CrossingIn:
                return 0;
            default:
                return Walk(port);
        }
    }

    // Frames of different ports go different ways, so a turn is over where those of another begin.
    private uint RunCrossing(CrossingOut queue)
    {
        uint packets = 0;
        while (packets < WalkMax && queue.TryTurn())
        {
            packets += Walk(queue);
        }

        return packets;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private uint Walk(Port port)
    {
        FrameSwitch? hub = port.Switch;
        Port? sink = hub is null ? port.Peer?.Sink : null;
        DropReason? discard = hub is not null ? null
            : sink is null ? DropReason.NoLink
            : sink.IsUp && sink.Tools is not null ? null
            : DropReason.PeerDown;
        uint packetsPerFrame = port.PacketsPerFrame;
        uint room = Math.Clamp(PacketsMax / packetsPerFrame, 1, WalkMax);
        if (sink is not null && discard is null && port.WaitsForRoom)
        {
            room = sink.Room(room, packetsPerFrame);
            if (room == 0)
            {
                return Backpressure(port);
            }
        }

        FrameBatch batch = _tools.Batch;
        batch.Clear();
        var burst = default(Burst);
        port.Receive(batch, room, ref burst);
        if (burst.RxPackets == 0)
        {
            return 0;
        }

        if (batch.Count != 0)
        {
            FrameSelection frames = port.Filter is { } filter
                ? filter.Apply(port, batch, ref burst)
                : FrameSelection.All(batch);
            Deliver(port, frames, discard, hub, sink, ref burst);
        }

        Release(port, batch, burst);
        return burst.RxPackets;
    }

    private static void Deliver(
        Port port, FrameSelection frames, DropReason? discard, FrameSwitch? hub, Port? sink, ref Burst burst)
    {
        if (hub is not null)
        {
            hub.Forward(port, frames, ref burst);
        }
        else if (discard is { } reason)
        {
            for (int i = 0; i < frames.Indices.Length; i++)
            {
                burst.Drop(reason);
            }
        }
        else
        {
            sink!.Send(frames, ref burst);
        }
    }

    private void Release(Port port, FrameBatch batch, in Burst burst)
    {
        if (port is XskPort xsk)
        {
            // What was sent is committed already; this is committed by the RX ring's consumer index.
            OpenRecord(xsk, null, burst, copied: true);
            port.Release(batch);
        }
        else
        {
            // Nobody can tell from a guest's ring what it is to the counters: they follow once it is done.
            // SAFETY: the record is in the state file, which stays mapped longer than any worker.
            port.Settle(batch, burst);
            _record->TxPort = WorkerRecord.CountersOnly;
            OpenRecord(port, burst);
        }

        CloseRecord(port, null, burst);
    }
}
