using Nf.DataPlane.Frames;

namespace Nf.DataPlane.Ports;

/// <summary>Chooses the queue that a frame goes to.</summary>
/// <remarks>Belongs to one port and its worker; between two rounds another takes its place when the queues
/// change.</remarks>
internal abstract class CrossingSelector
{
    /// <summary>Number of the lane; a number without a lane when there is none for the frame.</summary>
    internal abstract int Choose(FrameBatch batch, in Frame frame);

    /// <summary>Always the same lane.</summary>
    internal sealed class Fixed(int lane) : CrossingSelector
    {
        internal override int Choose(FrameBatch batch, in Frame frame) => lane;
    }
}
