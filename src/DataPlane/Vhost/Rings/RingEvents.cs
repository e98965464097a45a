namespace Nf.DataPlane.Vhost.Rings;

/// <summary>When a side that named an index wants to be told.</summary>
internal static class RingEvents
{
    /// <summary>Whether going from one index to another goes past the event (vring_need_event; virtio 1.3,
    /// 2.7.10).</summary>
    internal static bool IsReached(ushort wanted, ushort now, ushort before) =>
        (ushort)(now - wanted - 1) < (ushort)(now - before);
}
