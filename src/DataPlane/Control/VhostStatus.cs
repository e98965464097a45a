using Google.Protobuf.WellKnownTypes;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Memory;
using Nf.DataPlane.Vhost.Rings;
using Nf.DataPlane.Vhost.Session;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>Describes a vhost device as it is now.</summary>
internal static class VhostStatus
{
    internal static VhostDevice Describe(VhostResource device, Resources resources)
    {
        VhostDescription? session = device.Session?.Describe();
        VhostDevice described = device.Asked.Clone();
        var status = new VhostDeviceStatus
        {
            State = device.State,
            StateReason = device.StateReason,
            Connections = device.Connections,
            LastDisconnect = device.LastDisconnect,
            MtuBytes = device.Mtu,
            LinkUp = device.IsLinkUp,
            Link = (device.Connection as LinkResource)?.Name ?? "",
            Bridge = (device.Connection as BridgeResource)?.Name ?? "",
            WorkerCpu = (uint)device.Worker.Cpu,
        };
        status.SegmentSlots.AddRange(device.Slots.Select(slot => (uint)slot));
        status.OfferedFeatures.AddRange(VhostWords.DeviceFeatures(device.Shape.Features));
        status.Faults.AddRange(device.Faults.All.Select(ToProto));
        if (device.RefusedConnections != 0)
        {
            status.Faults.Add(new V1.VhostFault
            {
                Kind = "second_connection",
                Count = device.RefusedConnections,
                LastMessage = "a front-end connected while another one was connected",
            });
        }

        if (session is not null)
        {
            AddSession(status, session, device);
        }

        status.Diagnosis.AddRange(VhostDiagnosis.Of(device, session, status.Rings, resources));
        described.Status = status;
        return described;
    }

    private static void AddSession(VhostDeviceStatus status, VhostDescription session, VhostResource device)
    {
        status.PeerPid = (uint)device.Peer.Pid;
        status.PeerUid = device.Peer.Uid;
        long age = (DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1_000_000) - device.ConnectedUnixNs;
        status.ConnectedFor = Duration.FromTimeSpan(TimeSpan.FromTicks(Math.Max(0, age) / 100));
        status.FeatureBits = session.Features ?? 0;
        status.Features.AddRange(VhostWords.DeviceFeatures(session.Features ?? 0));
        status.ProtocolFeatureBits = session.ProtocolFeatures;
        status.ProtocolFeatures.AddRange(VhostWords.ProtocolFeatures(session.ProtocolFeatures));
        status.HeaderBytes = session.Features is { } features ? VirtioFeatures.HeaderBytes(features) : 0;
        status.Requests = session.MessagesHandled;
        status.LastRequest = session.LastRequest;
        status.Rings.AddRange(Rings(session, device));
        status.Regions.AddRange(session.Regions.Select(ToProto));
        if (session.Log is { } log)
        {
            status.DirtyLog = new VhostDirtyLog
            {
                Active = log.Active,
                SizeBytes = log.SizeBytes,
                PagesOutside = log.OutOfRange,
            };
        }

        if (session.Inflight is { } inflight)
        {
            status.Inflight = new VhostInflight
            {
                Present = true,
                Queues = inflight.Queues,
                QueueSize = inflight.QueueSize,
            };
        }
    }

    // What only the worker knows of a ring is read by the worker, between two rounds.
    private static List<VhostRing> Rings(VhostDescription session, VhostResource device)
    {
        List<VhostRing> rings = [.. session.Rings.Where(ring => ring.Size != 0 || ring.Started).Select(ToProto)];
        device.Worker.Invoke(() =>
        {
            foreach (VhostRing ring in rings)
            {
                if (device.Host!.Ring((int)ring.Index) is { } queue)
                {
                    AddQueue(ring, queue);
                }
            }
        });
        return rings;
    }

    private static VhostRing ToProto(VringDescription ring) => new()
    {
        Index = (uint)ring.Index,
        FromGuest = (ring.Index & 1) != 0,
        Layout = ring.Packed ? VhostRingLayout.Packed : VhostRingLayout.Split,
        Size = ring.Size,
        Waiting = ring.Waiting,
        Started = ring.Started,
        Enabled = ring.Enabled,
        HasKick = ring.HasKick,
        HasCall = ring.HasCall,
        NextIndex = NextOf(ring.Base, ring.Packed),
        NextWrap = ring.Packed && (ring.Base & 0x8000) != 0,
    };

    private static void AddQueue(VhostRing ring, Virtqueue queue)
    {
        bool packed = ring.Layout == VhostRingLayout.Packed;
        uint position = queue.Base;
        ring.Fault = queue.FaultText;
        ring.NextIndex = NextOf(position, packed);
        ring.NextWrap = packed && (position & 0x8000) != 0;
        ring.UsedIndex = packed ? (position >> 16) & 0x7fff : queue.UsedIndex & 0xffff;
        ring.UsedWrap = packed && (position & 0x8000_0000) != 0;
        if (queue.Fault == RingFault.None)
        {
            ring.CallsUnwanted = queue.AreCallsUnwanted;
            ring.Pending = queue.Pending;
            ring.GuestIndex = packed ? 0 : (ring.NextIndex + ring.Pending) & 0xffff;
        }
        else if (!packed)
        {
            // As it was found: the ring is not touched any more.
            ring.GuestIndex = queue.SeenIndex;
            ring.Pending = (queue.SeenIndex - ring.NextIndex) & 0xffff;
        }

        ring.CallsSent = queue.CallsSent;
        ring.CallsSuppressed = queue.CallsSuppressed;
        ring.BadChains = queue.BadChains;
        ring.LastBadChain = queue.LastBadChain.ToString();
        ring.LogsUsed = queue.Setup.UsedLogAddress is not null;
    }

    // The low half of a base: an index that runs freely, or a position below its wrap counter.
    private static uint NextOf(uint position, bool packed) => position & (packed ? 0x7fffu : 0xffffu);

    private static VhostMemoryRegion ToProto(GuestRegionState region) => new()
    {
        GuestAddress = region.Layout.GuestAddress,
        FrontendAddress = region.Layout.UserAddress,
        SizeBytes = region.Layout.SizeBytes,
        FileOffsetBytes = region.Layout.FileOffset,
        Sealed = region.IsSealed,
        Lost = region.IsLost,
    };

    private static V1.VhostFault ToProto(Nf.DataPlane.Vhost.Session.VhostFault fault) => new()
    {
        Kind = VhostWords.Of(fault.Kind),
        Count = fault.Count,
        LastMessage = fault.LastMessage,
        LastTime = Timestamp.FromDateTimeOffset(fault.LastTime),
    };
}
