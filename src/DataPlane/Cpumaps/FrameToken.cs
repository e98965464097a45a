using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Cpumaps;

/// <summary>What passes through a <see cref="HandoverRing"/>: the number of a <see cref="CrossedFrame"/> at its home,
/// and on the way back what became of it. Never zero.</summary>
internal static class FrameToken
{
    private const int HomeShift = 32;
    private const int FateShift = 48;

    /// <summary>A frame on its way.</summary>
    /// <param name="home">Number of the home: the slot of its worker.</param>
    /// <param name="record">Number of its record, from 1.</param>
    internal static ulong Of(int home, uint record) => ((ulong)home << HomeShift) | record;

    /// <summary>Which home.</summary>
    internal static int HomeOf(ulong token) => (ushort)(token >> HomeShift);

    /// <summary>Which record there.</summary>
    internal static uint RecordOf(ulong token) => (uint)token;

    /// <summary>The token of a frame that was dropped on its way.</summary>
    internal static ulong Dropped(ulong token, DropReason reason) => token | ((ulong)(reason + 1) << FateShift);

    /// <summary>Why the frame was dropped; false when it was sent on.</summary>
    internal static bool IsDropped(ulong token, out DropReason reason)
    {
        int fate = (int)(token >> FateShift);
        reason = (DropReason)(fate - 1);
        return fate != 0;
    }
}
