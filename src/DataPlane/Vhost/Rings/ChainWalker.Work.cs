namespace Nf.DataPlane.Vhost.Rings;

/// <content>How much a guest may have us read.</content>
/// <remarks>
/// A ring of n chains may have n descriptors in each, and a table behind them, and a frame that finds no room leaves
/// them all to be read again for the next one. So what is read is counted, in descriptors and the stretches of memory
/// that they come to, and a burst ends when it has had its share. Chains that are one descriptor are not read here and
/// cost nothing.
/// </remarks>
internal sealed unsafe partial class ChainWalker
{
    /// <summary>Work of a burst whatever its size: a frame of 64 KiB in buffers of 64 bytes takes that
    /// much.</summary>
    internal const uint WorkPerBurst = 2048;

    /// <summary>Work of each frame of a burst: more than a frame of 9 KiB in buffers of 128 bytes. Arbitrary; a burst
    /// of 64 frames with as much takes less time than copying 64 frames of 64 KiB.</summary>
    internal const uint WorkPerFrame = 256;

    /// <summary>Bytes whose copying is as much work as reading a descriptor: a cache line.</summary>
    private const int BytesPerWorkShift = 6;

    /// <summary>Descriptors read since the ring was started, and stretches of memory that they came to.</summary>
    internal ulong Work { get; private set; }

    /// <summary>True once a burst has had its share. The chain that exceeds it is still read to its end, which has a
    /// bound of its own.</summary>
    internal bool IsSpent => Work >= _workMax;

    /// <summary>Begins a burst.</summary>
    /// <param name="frames">How many frames it may have.</param>
    internal void Grant(uint frames) => _workMax = Work + WorkPerBurst + (frames * WorkPerFrame);

    /// <summary>Counts bytes that were copied for nothing.</summary>
    internal void ChargeCopy(ulong bytes) => Work += bytes >> BytesPerWorkShift;
}
