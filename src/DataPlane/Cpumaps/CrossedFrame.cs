using System.Runtime.InteropServices;
using Nf.DataPlane.Frames;

namespace Nf.DataPlane.Cpumaps;

/// <summary>
/// A frame, or a further stretch of one, that is on its way through workers: where it lies, and whose it is. Written by
/// its home before it is handed over, and read by others until it is back.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct CrossedFrame
{
    /// <summary>The stretch.</summary>
    internal FrameSpan Span;

    /// <summary>Bytes of the whole frame; of meaning in the first stretch only, as what follows.</summary>
    internal uint Length;

    /// <summary>Number of the next stretch's record; 0 for none.</summary>
    internal uint Next;

    /// <summary>Further stretches.</summary>
    internal uint MoreCount;

    /// <summary>Which port received it: a number that says where it goes on each worker.</summary>
    internal ushort Route;

    /// <summary>What its sender left unfinished.</summary>
    internal FrameOffload Offload;
}
