using System.Runtime.InteropServices;

namespace Nf.DataPlane.Vhost.Rings;

/// <summary>A stretch of guest memory that a chain names, found and checked.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ChainSpan
{
    /// <summary>Where it is mapped; <see cref="Length"/> bytes of it are.</summary>
    internal byte* Data;

    /// <summary>Where the guest sees it: for the dirty log.</summary>
    internal ulong GuestAddress;

    /// <summary>Bytes; never 0.</summary>
    internal uint Length;
}
