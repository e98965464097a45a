using Nf.DataPlane.Frames;

namespace Nf.DataPlane.Ports;

/// <summary>Judges frames between the port that received them and where they go.</summary>
/// <remarks>Belongs to one port and its worker.</remarks>
internal abstract class FrameFilter
{
    /// <summary>Lets frames pass, drops them, or sends them elsewhere.</summary>
    /// <param name="from">The port that received them.</param>
    /// <param name="batch">The frames.</param>
    /// <param name="burst">Counts what does not pass: as sent, or as dropped with its reason.</param>
    /// <returns>Those that pass; valid until the next call.</returns>
    internal abstract FrameSelection Apply(Port from, FrameBatch batch, ref Burst burst);
}
