using Nf.DataPlane.Vhost.Memory;

namespace Nf.DataPlane.Vhost.Rings;

/// <summary>Finds what descriptors name: the regions of a <see cref="GuestMemory"/>, and which of them was named last.
/// Belongs to one ring.</summary>
/// <remarks>
/// SAFETY: the regions stay mapped as long as the ring runs (VirtqueueSetup.Memory), and every pointer handed out
/// comes with the number of bytes that are mapped behind it.
/// </remarks>
internal sealed unsafe class GuestMap
{
    private readonly Region[] _regions;

    internal GuestMap(GuestMemory memory)
    {
        IReadOnlyList<GuestRegionLayout> layouts = memory.Regions;
        _regions = new Region[layouts.Count];
        for (int i = 0; i < layouts.Count; i++)
        {
            // SAFETY: its first byte is in the region, so the pointer is the region's mapping, which is one piece.
            byte* host = memory.Translate(layouts[i].GuestAddress, 1, out _);
            _regions[i] = new Region(layouts[i].GuestAddress, host == null ? 0 : layouts[i].SizeBytes, host);
        }

        if (_regions.Length > 0)
        {
            Show(_regions[0]);
        }
    }

    /// <summary>Guest address of the region that was named last.</summary>
    internal ulong WindowAddress { get; private set; }

    /// <summary>Its size.</summary>
    internal ulong WindowBytes { get; private set; }

    /// <summary>Where it is mapped.</summary>
    internal byte* WindowData { get; private set; }

    /// <summary>Where an address is mapped, and how many bytes of its region there are from it on.</summary>
    /// <returns>Null when it is in no region.</returns>
    internal byte* Find(ulong address, out ulong contiguous)
    {
        // By subtraction: an address near the end of the 64 bits cannot wrap into a region.
        ulong offset = address - WindowAddress;
        if (offset >= WindowBytes)
        {
            if (!TryShow(address))
            {
                contiguous = 0;
                return null;
            }

            offset = address - WindowAddress;
        }

        contiguous = WindowBytes - offset;
        return WindowData + offset;
    }

    /// <summary>Makes the region of an address the one that is looked at first.</summary>
    internal bool TryShow(ulong address)
    {
        foreach (Region region in _regions)
        {
            if (address - region.Address < region.Bytes)
            {
                Show(region);
                return true;
            }
        }

        return false;
    }

    private void Show(Region region)
    {
        WindowAddress = region.Address;
        WindowBytes = region.Bytes;
        WindowData = region.Data;
    }

    private readonly struct Region(ulong address, ulong bytes, byte* data)
    {
        internal ulong Address { get; } = address;

        internal ulong Bytes { get; } = bytes;

        internal byte* Data { get; } = data;
    }
}
