using Nf.V1;

namespace Nf.Service;

/// <summary>
/// Adds to a device's diagnosis, which the data plane makes, what follows from the status alone: what a person can do
/// about it, and what costs speed. It repeats nothing that the data plane says.
/// </summary>
internal static class VhostAdvice
{
    /// <summary>A status with its advice; the one given is left as it is.</summary>
    public static VhostDeviceStatus? Complete(VhostDeviceSpec spec, VhostDeviceStatus? status)
    {
        if (status is null)
        {
            return null;
        }

        VhostDeviceStatus told = status.Clone();
        told.Diagnosis.Add(Of(spec, status).Except(status.Diagnosis));
        return told;
    }

    /// <summary>Sentences, most important first; none when there is nothing to do.</summary>
    public static IEnumerable<string> Of(VhostDeviceSpec spec, VhostDeviceStatus status) => status.State switch
    {
        VhostState.Listening => [$"QEMU connects with -chardev socket,id=c,path={spec.SocketPath},reconnect=1"],
        VhostState.Connecting =>
            [$"the front-end must listen: QEMU with -chardev socket,id=c,path={spec.SocketPath},server=on,wait=off, "
                + "virtio-user with server=1"],
        VhostState.Connected or VhostState.Started or VhostState.Broken => OfGuest(status),
        _ => [],
    };

    private static IEnumerable<string> OfGuest(VhostDeviceStatus status)
    {
        foreach (VhostMemoryRegion region in status.Regions.Where(region => region.Lost))
        {
            yield return $"memory at guest address 0x{region.GuestAddress:x} was taken away: the front-end let its "
                + "file shrink";
        }

        foreach (VhostRing ring in status.Rings.Where(IsFull))
        {
            yield return $"ring {ring.Index} (from the guest) is full: its worker does not keep up, or the port to "
                + "send by is congested";
        }

        foreach (uint pair in IdlePairs(status))
        {
            yield return $"queue pair {pair} is not in use: the guest enables it with "
                + $"`ethtool -L IF combined {pair + 1}`";
        }

        if (status.DirtyLog is { PagesOutside: > 0 } log)
        {
            yield return $"{log.PagesOutside} written pages lie beyond the dirty log: a migration would lose them";
        }

        if (status.DirtyLog?.Active == true)
        {
            yield return "a migration is under way: every page written is logged, which costs speed";
        }
    }

    private static bool IsFull(VhostRing ring) =>
        ring is { Started: true, FromGuest: true, Size: > 0, Fault: "" } && ring.Pending >= ring.Size;

    // The first pair is always wanted; that another is not is the guest's choice.
    private static IEnumerable<uint> IdlePairs(VhostDeviceStatus status) => status.State != VhostState.Started
        ? []
        : status.Rings
            .Where(ring => ring is { Index: >= 2, Fault: "" } and not { Started: true, Enabled: true })
            .Select(ring => ring.Index / 2)
            .Distinct();
}
