namespace Nf.DataPlane.Vhost.Rings;

/// <summary>A place in a packed ring and the lap's wrap counter there.</summary>
/// <param name="Index">Below the ring's size.</param>
/// <param name="Wrap">True in the first lap.</param>
internal readonly record struct PackedPosition(uint Index, bool Wrap)
{
    internal const ushort FlagAvailable = 0x80;
    internal const ushort FlagUsed = 0x8000;

    /// <summary>The form of SET_VRING_BASE and of the event areas: 15 bits and the wrap counter.</summary>
    internal uint Word => Index | (Wrap ? 0x8000u : 0);

    /// <summary>Both flags of a descriptor that the driver made available in this lap.</summary>
    internal ushort AvailableFlags => Wrap ? FlagAvailable : FlagUsed;

    /// <summary>Both flags of a descriptor that was used in this lap.</summary>
    internal ushort UsedFlags => Wrap ? (ushort)(FlagAvailable | FlagUsed) : (ushort)0;

    internal static PackedPosition Of(uint word) => new(word & 0x7fff, (word & 0x8000) != 0);

    /// <summary>So many descriptors on, at most a whole lap.</summary>
    internal PackedPosition Plus(uint count, uint size) =>
        Index + count >= size ? new PackedPosition(Index + count - size, !Wrap) : this with { Index = Index + count };

    /// <summary>So many descriptors back, at most a whole lap.</summary>
    internal PackedPosition Minus(uint count, uint size) =>
        Index < count ? new PackedPosition(Index + size - count, !Wrap) : this with { Index = Index - count };

    /// <summary>Whether the flags of a descriptor here say that the driver made it available.</summary>
    internal bool IsAvailable(ushort flags) => (flags & (FlagAvailable | FlagUsed)) == AvailableFlags;
}
