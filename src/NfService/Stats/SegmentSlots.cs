using System.Collections.Immutable;
using Nf.SharedMemory.Segments;
using Nf.V1;
using Endpoint = Nf.V1.Endpoint;

namespace Nf.Service;

/// <summary>A queue pair of a vhost-user device with its counters.</summary>
internal readonly record struct VhostPortSlot(VhostDevice Device, int Pair, PortSlot Slot);

/// <summary>Joins what runs with its slots in the segment; what has none is left out.</summary>
internal static class SegmentSlots
{
    /// <summary>Resources of one slot each.</summary>
    public static IEnumerable<TOut> Join<TResource, TSlot, TOut>(
        IEnumerable<TResource> resources,
        ImmutableDictionary<int, TSlot> slots,
        Func<TResource, uint?> slotOf,
        Func<TResource, TSlot, TOut> join)
    {
        foreach (TResource resource in resources)
        {
            if (slotOf(resource) is { } slot && slots.TryGetValue((int)slot, out TSlot? found))
            {
                yield return join(resource, found);
            }
        }
    }

    /// <summary>Queue pairs of the devices, in order.</summary>
    public static IEnumerable<VhostPortSlot> VhostPorts(Running running, SegmentSnapshot snapshot)
    {
        foreach (VhostDevice device in running.VhostDevices.Values.Where(device => device.Status is not null))
        {
            for (int pair = 0; pair < device.Status.SegmentSlots.Count; pair++)
            {
                if (snapshot.Ports.TryGetValue((int)device.Status.SegmentSlots[pair], out PortSlot slot))
                {
                    yield return new VhostPortSlot(device, pair, slot);
                }
            }
        }
    }

    /// <summary>Packets and bytes that a link took from one of its ends.</summary>
    public static (ulong Packets, ulong Bytes) LinkTraffic(Endpoint end, Running running, SegmentSnapshot snapshot)
    {
        ulong packets = 0;
        ulong bytes = 0;
        foreach (uint slot in Endpoints.MembersOf(end).SelectMany(member => SlotsOf(member, running)))
        {
            if (snapshot.Ports.TryGetValue((int)slot, out PortSlot port))
            {
                packets += port.Traffic.LinkPackets;
                bytes += port.Traffic.LinkBytes;
            }
        }

        return (packets, bytes);
    }

    private static uint[] SlotsOf(EndpointMember member, Running running)
    {
        if (member.Type == DesiredResource.VhostDeviceType)
        {
            return [.. running.VhostDevices.GetValueOrDefault(member.Name)?.Status?.SegmentSlots ?? []];
        }

        return running.XskSockets.GetValueOrDefault(member.Name)?.Status is { } socket ? [socket.SegmentSlot] : [];
    }
}
