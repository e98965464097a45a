using Nf.DataPlane.Frames;

namespace Nf.DataPlane.Ports;

/// <summary>Decides for each frame where it leaves: what a port has instead of one peer.</summary>
/// <remarks>Belongs to the worker of its ports.</remarks>
internal abstract class FrameSwitch
{
    /// <summary>Sends frames where each of them goes.</summary>
    /// <param name="from">The port that received them, and that releases them afterwards.</param>
    /// <param name="frames">The frames.</param>
    /// <param name="burst">Counts each frame as sent or as dropped with its reason.</param>
    internal abstract void Forward(Port from, FrameSelection frames, ref Burst burst);
}
