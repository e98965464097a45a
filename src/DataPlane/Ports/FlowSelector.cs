using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Frames;
using Nf.V1;

namespace Nf.DataPlane.Ports;

/// <summary>Chooses the queue of a frame by what the frame is, as steering rules of an interface do.</summary>
internal sealed unsafe class FlowSelector(CpuSelector cpus) : CrossingSelector
{
    /// <summary>Bytes that are looked at of a frame whose first stretch is shorter: headers with tags and options.
    /// Arbitrary.</summary>
    private const uint HeaderBytesMax = 256;

    private readonly bool _needsFlow = cpus.Kind is not (CpuSelectionKind.Fixed or CpuSelectionKind.RoundRobin);
    private ulong _turn;

    /// <inheritdoc/>
    internal override int Choose(FrameBatch batch, in Frame frame)
    {
        Flow flow = default;
        if (_needsFlow)
        {
            Parse(batch, frame, out flow);
        }

        return cpus.TryChoose(flow, _turn++, out uint cpu) ? (int)cpu : -1;
    }

    private static void Parse(FrameBatch batch, in Frame frame, out Flow flow)
    {
        if (frame.MoreCount == 0 || frame.First.Length >= HeaderBytesMax)
        {
            // SAFETY: the first stretch of a frame that is in hand; each byte is read at most once for each field.
            var bytes = new ReadOnlySpan<byte>(frame.First.Data, (int)frame.First.Length);
            FlowParser.Parse(bytes, (int)frame.Length, out flow);
            return;
        }

        // SAFETY: no more is read than there is room for, and than the frame has.
        byte* copy = stackalloc byte[(int)HeaderBytesMax];
        uint length = Math.Min(HeaderBytesMax, frame.Length);
        new FrameReader(batch, frame).Read(copy, length);
        FlowParser.Parse(new ReadOnlySpan<byte>(copy, (int)length), (int)frame.Length, out flow);
    }
}
