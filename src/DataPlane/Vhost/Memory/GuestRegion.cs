using System.Runtime.InteropServices;

namespace Nf.DataPlane.Vhost.Memory;

/// <summary>One line of the table that translates guest addresses; sorted by address, without overlaps.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct GuestRegion
{
    /// <summary>Where the guest sees it.</summary>
    internal ulong GuestAddress;

    /// <summary>Its size in bytes; never zero.</summary>
    internal ulong SizeBytes;

    /// <summary>Where we see its first byte. SAFETY: mapped for SizeBytes while its <see cref="GuestMemory"/>
    /// lives.</summary>
    internal byte* HostBase;
}
