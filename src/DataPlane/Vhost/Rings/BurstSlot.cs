using System.Runtime.InteropServices;

namespace Nf.DataPlane.Vhost.Rings;

/// <summary>A buffer of one descriptor, gathered in the first pass over a burst for the second.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct BurstSlot
{
    /// <summary>Where it is mapped.</summary>
    internal byte* Data;

    /// <summary>Where the guest sees it.</summary>
    internal ulong GuestAddress;

    /// <summary>Its bytes.</summary>
    internal uint Length;

    /// <summary>What the driver knows it by.</summary>
    internal uint Id;
}
