using Nf.DataPlane.Ports;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Control;

/// <summary>Sentences about frames of a guest, and frames for it, that were dropped.</summary>
/// <remarks>A drop is counted at the port that received the frame: frames for a guest at the ports of the other
/// end.</remarks>
internal static class VhostDropWords
{
    private static readonly (DropReason Reason, string Why)[] OfGuest =
    [
        (DropReason.BadOffload, "what their headers ask for was not negotiated, or does not fit their bytes"),
        (DropReason.TooShort, "they are shorter than a header and 14 bytes"),
        (DropReason.TooLarge, "they are longer than 64 KiB, or than the other end takes"),
        (DropReason.BadChain, "a chain breaks a rule"),
        (DropReason.NoGuestBuffer, "the guest at the other end had no buffer free"),
    ];

    private static readonly (DropReason Reason, string Why)[] ForGuest =
    [
        (DropReason.NoGuestBuffer, "it had no buffer free: it offers too few, or is too slow to take what it is sent"),
        (DropReason.TooLarge, "they are longer than its buffers, or than its MTU"),
        (DropReason.BadChain, "its buffers break a rule, or come in too many pieces"),
    ];

    internal static IEnumerable<string> Of(VhostResource device, Resources resources)
    {
        for (int pair = 0; pair < device.Slots.Count; pair++)
        {
            PortSlot port = resources.Segment.Port(device.Slots[pair]);
            foreach ((DropReason reason, string why) in OfGuest)
            {
                if (port.Drops[(int)reason] is var count and not 0)
                {
                    yield return $"pair {pair}: {count} frames of the guest were dropped ({DropReasons.Name(reason)}): "
                        + why;
                }
            }
        }

        int[] slots = [.. OtherEnd(device).SelectMany(member => member.Ports).OfType<Port>().Select(port => port.Slot)];
        foreach ((DropReason reason, string why) in ForGuest)
        {
            ulong count = slots.Aggregate(0UL, (sum, slot) => sum + resources.Segment.Port(slot).Drops[(int)reason]);
            if (count != 0)
            {
                yield return $"{count} frames for the guest were dropped ({DropReasons.Name(reason)}): {why}";
            }
        }

        if (device.Connection is BridgeResource bridge && bridge.DroppedFor(device) is var copies and not 0)
        {
            yield return $"{copies} frames for the guest were dropped on their way from bridge \"{bridge.Name}\": "
                + "it had no buffer free, or they are too long for it";
        }
    }

    // On a bridge nobody's drops are meant for one guest alone: the bridge counts them.
    private static IEnumerable<IConnectable> OtherEnd(VhostResource device) =>
        device.Connection is LinkResource link ? link.Other(device) : [];
}
