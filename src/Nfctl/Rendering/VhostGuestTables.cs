using Nf.Ctl.Parsing;
using Nf.V1;

namespace Nf.Ctl.Rendering;

/// <summary>What is found of a guest: a diagnosis, its rings, its memory, its faults.</summary>
internal static class VhostGuestTables
{
    internal static IEnumerable<Grid> Of(VhostDeviceStatus status)
    {
        yield return Diagnosis(status);
        if (status.Rings.Count > 0)
        {
            yield return Rings(status.Rings);
            yield return Notifications(status.Rings);
        }

        if (status.Regions.Count > 0)
        {
            yield return Regions(status.Regions);
        }

        if (status.Faults.Count > 0)
        {
            yield return Faults(status.Faults);
        }
    }

    private static Grid Diagnosis(VhostDeviceStatus status)
    {
        var grid = new Grid("") { Title = "Diagnosis", WhenEmpty = "nothing is wrong" };
        foreach (string sentence in status.Diagnosis)
        {
            grid.Add(new Cell($"- {sentence}", Tone.Warning));
        }

        return grid;
    }

    private static Grid Rings(IEnumerable<VhostRing> rings)
    {
        var grid = new Grid(
            ">RING", "CARRIES FRAMES", "LAYOUT", ">SIZE", "STATE", ">GUEST INDEX", ">NEXT", ">USED", ">PENDING")
        { Title = "Rings" };
        foreach (VhostRing ring in rings)
        {
            bool isPacked = ring.Layout == VhostRingLayout.Packed;
            grid.Add(
                $"{ring.Index}",
                ring.FromGuest ? "from the guest" : "to the guest",
                Names.Of(ring.Layout),
                $"{ring.Size}",
                StateOf(ring),
                isPacked ? "" : $"{ring.GuestIndex}",
                isPacked ? $"{ring.NextIndex}, wrap {Wrap(ring.NextWrap)}" : $"{ring.NextIndex}",
                isPacked ? $"{ring.UsedIndex}, wrap {Wrap(ring.UsedWrap)}" : $"{ring.UsedIndex}",
                $"{ring.Pending}");
        }

        return grid;
    }

    private static Grid Notifications(IEnumerable<VhostRing> rings)
    {
        var grid = new Grid(
            ">RING", "KICKED BY", "CALLED BY", ">CALLS", ">SUPPRESSED", ">BAD CHAINS", "LOGS USED")
        { Title = "Notifications" };
        foreach (VhostRing ring in rings)
        {
            grid.Add(
                $"{ring.Index}",
                ring.HasKick ? "eventfd" : "polling",
                !ring.HasCall ? "nothing" : ring.CallsUnwanted ? "eventfd, unwanted now" : "eventfd",
                $"{ring.CallsSent}",
                $"{ring.CallsSuppressed}",
                new Cell($"{ring.BadChains}", ring.BadChains == 0 ? Tone.Plain : Tone.Bad),
                Names.YesNo(ring.LogsUsed));
        }

        return grid;
    }

    private static Grid Regions(IEnumerable<VhostMemoryRegion> regions)
    {
        var grid = new Grid("GUEST ADDRESS", ">SIZE", "FRONT-END ADDRESS", "FILE OFFSET", "STATE") { Title = "Memory" };
        foreach (VhostMemoryRegion region in regions)
        {
            grid.Add(
                $"0x{region.GuestAddress:x}",
                ByteSize.Format(region.SizeBytes),
                $"0x{region.FrontendAddress:x}",
                $"0x{region.FileOffsetBytes:x}",
                region.Lost ? new Cell("lost: the file shrank", Tone.Bad)
                    : region.Sealed ? new Cell("sealed", Tone.Good)
                    : "may shrink");
        }

        return grid;
    }

    private static Grid Faults(IEnumerable<VhostFault> faults)
    {
        var grid = new Grid("KIND", ">COUNT", "LAST", "WHAT HAPPENED") { Title = "Faults" };
        foreach (VhostFault fault in faults)
        {
            string last = fault.LastTime?.ToDateTime().ToString("yyyy-MM-dd HH:mm:ss'Z'") ?? "";
            grid.Add(new Cell(fault.Kind, Tone.Bad), $"{fault.Count}", last, fault.LastMessage);
        }

        return grid;
    }

    private static Cell StateOf(VhostRing ring)
    {
        return ring switch
        {
            { Fault.Length: > 0 } => new Cell("broken", Tone.Bad),
            { Started: true, Enabled: true } => new Cell("started, enabled", Tone.Good),
            { Started: true } => new Cell("started, disabled", Tone.Warning),
            _ => new Cell("not started", Tone.Warning),
        };
    }

    private static int Wrap(bool counter) => counter ? 1 : 0;
}
