using Nf.DataPlane.Frames;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Ports;
using Nf.Linux;

namespace Nf.DataPlane.Lab;

/// <summary>
/// A port that is no socket to whoever forwards, though it works on the rings of one: everything to and from it is
/// walked, as for a guest, and its rings survive a life.
/// </summary>
internal sealed unsafe class LabGuest(XskPort inner, WorkerRecord* record, Umem umem)
    : Port(inner.Slot, inner.Counters)
{
    internal override bool IsUp
    {
        get => inner.IsUp;
        set => inner.IsUp = value;
    }

    internal override bool HasFrames => inner.HasFrames;

    internal override IReadOnlyList<FileDescriptor> Readiness => inner.Readiness;

    internal override void Receive(FrameBatch batch, uint max, ref Burst burst)
    {
        inner.Pool.ReapCompletions();
        inner.Pool.Refill(record, inner.Slot, null!, always: umem.Pool.Count != 0);
        inner.Receive(batch, max, ref burst);
    }

    internal override void Release(FrameBatch batch) => inner.Release(batch);

    internal override uint Room(uint wanted, uint packetsPerFrame) => inner.Room(wanted, packetsPerFrame);

    internal override void Send(FrameSelection frames, ref Burst burst)
    {
        inner.Send(frames, ref burst);
        NeedsFlush = true;
    }

    internal override void Flush()
    {
        inner.Flush();
        NeedsFlush = false;
    }

    internal override void PublishLevels() => inner.PublishLevels();

    internal override void Rewind() => inner.Rewind();

    internal override void AttachTo(PortTools tools)
    {
        base.AttachTo(tools);
        inner.AttachTo(tools);
    }
}
