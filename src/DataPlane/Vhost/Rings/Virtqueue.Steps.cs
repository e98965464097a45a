using Nf.DataPlane.Frames;

namespace Nf.DataPlane.Vhost.Rings;

/// <content>What a kind of ring must know how to do; everything else is the same for both.</content>
internal abstract unsafe partial class Virtqueue
{
    /// <summary>How far the ring is.</summary>
    private protected abstract RingMark Mark { get; }

    /// <summary>True while something is prepared that the driver was not shown.</summary>
    private protected abstract bool HasUnpublished { get; }

    /// <summary>Looks how far the driver is. Sets <see cref="Fault"/> when it cannot be there.</summary>
    /// <returns>Chains that may be there; 0 when there is none.</returns>
    private protected abstract uint Look();

    /// <summary>Whether the driver is at least so many descriptors ahead.</summary>
    /// <param name="distance">Less than the ring's size.</param>
    /// <param name="pending">What <see cref="Look"/> said.</param>
    private protected abstract bool IsAhead(uint distance, uint pending);

    /// <summary>Looks for the next chain and goes past it, unless there is none or the ring is broken.</summary>
    private protected abstract ChainVerdict Fetch();

    /// <summary>Prepares to give back the chain that was fetched last; nobody sees it yet.</summary>
    private protected abstract void Append(uint written);

    /// <summary>Goes back to where the ring was.</summary>
    private protected abstract void Restore(RingMark mark);

    /// <summary>Makes the entries prepared since a mark say that nothing was written.</summary>
    private protected abstract void Void(RingMark mark);

    /// <summary>Shows the driver everything that was prepared, at once.</summary>
    private protected abstract void Publish();

    /// <summary>First pass over a burst to take: fills <see cref="Slots"/> from chains of one descriptor that hold a
    /// frame. Every field of the guest is read once, judged and kept.</summary>
    /// <returns>How many there are before one that is different.</returns>
    private protected abstract uint GatherReadable(uint count);

    /// <summary>First pass over a burst to deliver: fills <see cref="Slots"/> from chains of one descriptor that have
    /// room for their frames.</summary>
    private protected abstract uint GatherWritable(FrameBatch batch, ReadOnlySpan<byte> indices);

    /// <summary>Goes past the gathered slots and prepares to give them back.</summary>
    /// <param name="count">How many.</param>
    /// <param name="wasWritten">Whether the lengths of the slots were written, or nothing was.</param>
    private protected abstract void AppendSlots(uint count, bool wasWritten);
}
