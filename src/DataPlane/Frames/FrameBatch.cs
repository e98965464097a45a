using System.Runtime.InteropServices;

namespace Nf.DataPlane.Frames;

/// <summary>
/// The frames that a worker has in hand between receiving and releasing them: at most one batch at a time.
/// </summary>
internal sealed unsafe class FrameBatch : IDisposable
{
    /// <summary>Most frames of a batch.</summary>
    internal const uint CountMax = 64;

    /// <summary>
    /// Most further stretches of all frames of a batch. A ring ends a batch early when a frame would need more, and
    /// refuses a frame that needs more on its own.
    /// </summary>
    internal const uint SpanCountMax = 2048;

    internal FrameBatch()
    {
        // SAFETY: freed by Dispose only, which comes after the last use.
        Frames = (Frame*)NativeMemory.AlignedAlloc(CountMax * (nuint)sizeof(Frame), 64);
        Spans = (FrameSpan*)NativeMemory.AlignedAlloc(SpanCountMax * (nuint)sizeof(FrameSpan), 64);
    }

    /// <summary>The frames; <see cref="Count"/> of them are valid.</summary>
    internal Frame* Frames { get; private set; }

    /// <summary>Stretches after the first of those frames that have several.</summary>
    internal FrameSpan* Spans { get; private set; }

    /// <summary>How many frames there are.</summary>
    internal uint Count { get; set; }

    /// <summary>How many of <see cref="Spans"/> are taken.</summary>
    internal uint SpanCount { get; set; }

    /// <summary>
    /// True when frames that are all of one chunk may leave with it: they are nobody's but their worker's, and each
    /// goes one way only.
    /// </summary>
    internal bool CanMove { get; set; }

    /// <summary>Frames that another port has from now on, a bit each by position: whoever received them does not give
    /// them back.</summary>
    internal ulong PassedOn { get; set; }

    /// <summary>Forgets everything; what was received must have been released.</summary>
    internal void Clear()
    {
        Count = 0;
        SpanCount = 0;
        CanMove = false;
        PassedOn = 0;
    }

    public void Dispose()
    {
        // SAFETY: allocated by the constructor; null after the first call, which frees nothing.
        NativeMemory.AlignedFree(Frames);
        NativeMemory.AlignedFree(Spans);
        Frames = null;
        Spans = null;
    }
}
