namespace Nf.SharedMemory.Rings;

/// <summary>Entries of a ring: a power of two between <see cref="Min"/> and <see cref="Max"/>.</summary>
/// <remarks>
/// The kernel knows no upper limit but memory: it took 2^30 entries (16 GiB that no accounting sees). Ours is arbitrary
/// and holds more than a second of traffic at a million packets per second with <see cref="Max"/> entries on 16 queues.
/// </remarks>
public readonly record struct RingSize
{
    /// <summary>Smallest ring: less than a burst of the worker would stall it.</summary>
    public const uint Min = 64;

    /// <summary>Largest ring.</summary>
    public const uint Max = 65536;

    /// <exception cref="ArgumentOutOfRangeException">The value is no power of two, or out of range.</exception>
    public RingSize(uint value)
    {
        if (!IsValid(value))
        {
            throw new ArgumentOutOfRangeException(
                nameof(value), value, $"a ring has a power of two of entries, {Min} to {Max}");
        }

        Value = value;
    }

    /// <summary>Number of entries.</summary>
    public uint Value { get; }

    /// <summary>Tells whether a number of entries is allowed.</summary>
    public static bool IsValid(uint value) => value is >= Min and <= Max && uint.IsPow2(value);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString();
}
