using System.Diagnostics.CodeAnalysis;

namespace Nf.SharedMemory.Rings;

/// <summary>
/// The other side of a ring wrote an index that cannot be true. The ring is not usable any more: its port goes down.
/// </summary>
public sealed class RingCorruptedException(uint ours, uint theirs, uint size)
    : Exception($"ring index {theirs} cannot be true: ours is {ours}, the ring has {size} entries")
{
    /// <summary>The index that this side believes in.</summary>
    public uint Ours { get; } = ours;

    /// <summary>The index that the other side wrote.</summary>
    public uint Theirs { get; } = theirs;

    // Out of line, so that the ring's own methods stay small enough to be inlined.
    [DoesNotReturn]
    internal static void Throw(uint ours, uint theirs, uint size) =>
        throw new RingCorruptedException(ours, theirs, size);
}
