using System.Runtime.InteropServices;

namespace Nf.DataPlane.Frames;

/// <summary>A stretch of memory that holds a part of a frame.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct FrameSpan
{
    /// <summary>Where it begins.</summary>
    internal byte* Data;

    /// <summary>Bytes of it.</summary>
    internal uint Length;
}

/// <summary>One received frame, where it lies: in chunks of a UMEM, or in the memory of a guest.</summary>
/// <remarks>
/// Whoever reads it reads each byte once: memory of a guest changes at any moment. Decisions are made on copies.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal struct Frame
{
    /// <summary>The first, as a rule the only, stretch.</summary>
    internal FrameSpan First;

    /// <summary>Bytes of the whole frame, from the Ethernet header on, without a virtio header.</summary>
    internal uint Length;

    /// <summary>Where the other stretches begin in <see cref="FrameBatch.Spans"/>.</summary>
    internal uint MoreFirst;

    /// <summary>How many other stretches there are; 0 when <see cref="First"/> is all of it.</summary>
    internal uint MoreCount;

    /// <summary>What the sender left unfinished.</summary>
    internal FrameOffload Offload;

    /// <summary>For the port that received it: how it finds what it must give back.</summary>
    internal ulong Cookie;
}
