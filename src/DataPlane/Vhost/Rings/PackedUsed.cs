using System.Runtime.InteropServices;

namespace Nf.DataPlane.Vhost.Rings;

/// <summary>A chain of a packed ring that is prepared to be given back.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PackedUsed
{
    /// <summary>Bytes written.</summary>
    internal uint Length;

    /// <summary>Descriptors that it takes in the ring; at least one.</summary>
    internal uint Descriptors;

    /// <summary>Where its first descriptor stood.</summary>
    internal ushort Position;

    /// <summary>The driver's id for it.</summary>
    internal ushort Id;

    /// <summary>Its entry in the inflight region, if there is one.</summary>
    internal ushort Entry;
}
