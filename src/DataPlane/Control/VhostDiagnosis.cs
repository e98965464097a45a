using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Session;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>Sentences about what keeps a vhost device from carrying traffic, or makes it slow, most important
/// first.</summary>
internal static class VhostDiagnosis
{
    internal static IEnumerable<string> Of(
        VhostResource device, VhostDescription? session, IReadOnlyList<VhostRing> rings, Resources resources)
    {
        IEnumerable<string> found = session is null ? WithoutFrontEnd(device) : WithFrontEnd(device, session, rings);
        if (device.Connection is null)
        {
            found = found.Append("it is in no link and no bridge: what the guest sends is dropped");
        }
        else if (device.Connection.Members.FirstOrDefault(
                     member => member != device && member.WhyDown.Length != 0) is { } down)
        {
            found = found.Append($"{down.Describe()} at the other end is down: {down.WhyDown}");
        }

        return session is null ? found : found.Concat(VhostDropWords.Of(device, resources));
    }

    private static IEnumerable<string> WithoutFrontEnd(VhostResource device)
    {
        string path = device.Shape.SocketPath;
        yield return device.State switch
        {
            VhostState.Connecting => $"nobody could be reached at {path}: {device.StateReason}",
            VhostState.Failed => $"the socket {path} cannot be made: {device.StateReason}",
            _ => $"no front-end is connected to {path}; its mode is {Convert.ToString(device.Shape.SocketMode, 8)}, "
                + "and whoever connects needs the right to write",
        };
        if (device.LastDisconnect.Length != 0)
        {
            yield return $"the last connection ended: {device.LastDisconnect}";
        }
    }

    private static IEnumerable<string> WithFrontEnd(
        VhostResource device, VhostDescription session, IReadOnlyList<VhostRing> rings)
    {
        if (session.Features is null)
        {
            yield return session.MessagesHandled == 0
                ? "the front-end is connected and has said nothing"
                : "features are not negotiated (no SET_FEATURES): the guest has no driver loaded, or is still booting";
        }
        else if (session.Regions.Count == 0)
        {
            yield return "the front-end has shared no memory (no SET_MEM_TABLE); "
                + "QEMU needs a memory backend with share=on";
        }

        foreach (VringDescription ring in session.Rings)
        {
            VhostRing? now = rings.FirstOrDefault(r => r.Index == ring.Index);
            if (now is null ? Stopped(ring, session) is { } sentence : (sentence = OfRing(ring, now)) is not null)
            {
                yield return $"{NameOf(ring.Index)}: {sentence}";
            }

            if (now is { BadChains: not 0 })
            {
                yield return $"{NameOf(ring.Index)}: {now.BadChains} chains broke a rule and went back unused; "
                    + $"the last, {now.LastBadChain}";
            }
        }

        if (session.Features is { } features && (features & VirtioFeatures.MergeableBuffers) == 0
            && (device.Shape.Features & VirtioFeatures.MergeableBuffers) != 0)
        {
            yield return "the guest did not take mergeable buffers: frames larger than one of its buffers are dropped";
        }
    }

    private static string NameOf(int ring) => $"ring {ring} ({(ring % 2 == 0 ? "to" : "from")} the guest)";

    // A ring that was never set up is worth a word only when nothing else is said of its pair.
    private static string? Stopped(VringDescription ring, VhostDescription session) =>
        session.Features is not null && ring.Index < 2 && ring.Waiting.Length != 0 ? ring.Waiting : null;

    private static string? OfRing(VringDescription ring, VhostRing now)
    {
        if (now.Fault.Length != 0)
        {
            return $"given up: {now.Fault}; it stays down until the guest resets the device";
        }

        if (!now.Started)
        {
            return ring.Waiting.Length != 0 ? ring.Waiting : "stopped by the front-end";
        }

        if (!now.Enabled)
        {
            return "started, and disabled by the front-end: "
                + (now.FromGuest ? "what comes from it is dropped" : "nothing is sent to it");
        }

        if (!now.FromGuest && now.Pending == 0)
        {
            return now.UsedIndex == 0 && !now.UsedWrap
                ? "the guest has made no buffer available yet"
                : "the guest has no buffer free: it is too slow to take what it is sent";
        }

        return now.FromGuest && now.NextIndex == 0 && now.Pending == 0 && now.UsedIndex == 0
            && now.Layout == VhostRingLayout.Split
            ? "the guest has sent nothing yet"
            : null;
    }
}
