using System.Runtime.InteropServices;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Ports;

/// <summary>Numbers and counters for ports that stand between workers: they are not of the segment.</summary>
internal static unsafe class CrossingSlots
{
    private static int _last = SegmentLayout.PortCountMax;

    /// <summary>A number that no port of the segment has, nor any other.</summary>
    internal static int Next() => Interlocked.Increment(ref _last);

    /// <summary>Counters at zero; to be freed by <see cref="Free"/>.</summary>
    internal static PortSlot* NewCounters()
    {
        // SAFETY: as large as one slot; the caller frees it after its port's last use.
        var counters = (PortSlot*)NativeMemory.AlignedAlloc((nuint)sizeof(PortSlot), 64);
        *counters = default;
        return counters;
    }

    /// <summary>Frees the counters of a port, once.</summary>
    internal static void Free(Port port, ref bool isFreed)
    {
        if (!isFreed)
        {
            // SAFETY: NewCounters made them for this port, which nobody uses any more.
            NativeMemory.AlignedFree(port.Counters);
            isFreed = true;
        }
    }
}
