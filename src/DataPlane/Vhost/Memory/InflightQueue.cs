namespace Nf.DataPlane.Vhost.Memory;

/// <summary>The part of an <see cref="InflightRegion"/> that belongs to one ring: split or packed, as the ring
/// is.</summary>
/// <remarks>
/// For the worker of the ring. The region is written at every step, and read only when the ring starts: the front-end
/// can change it at any time, and must not change what we do.
/// </remarks>
internal abstract class InflightQueue
{
    private protected InflightQueue(uint queueSize) => QueueSize = queueSize;

    /// <summary>Largest ring it has room for.</summary>
    internal uint QueueSize { get; }

    /// <summary>Parts of the region that could not be true and were put right when the ring started.</summary>
    internal uint Corrections { get; private protected set; }

    /// <summary>Whether it was readied since it says something.</summary>
    private protected bool IsReady { get; set; }

    /// <summary>How many buffers are in hand.</summary>
    private protected int InHand { get; set; }

    /// <summary>Makes the part say nothing, since the ring was stopped in order: it goes on at the base that it is told
    /// next. What is in hand, or was left by an earlier back-end and not looked at yet, stays.</summary>
    internal void Forget()
    {
        if (IsReady && InHand == 0)
        {
            IsReady = false;
            Clear();
        }
    }

    private protected abstract void Clear();
}
