using System.Runtime.InteropServices;

namespace Nf.DataPlane.Vhost.Rings;

/// <summary>
/// How far a ring is, in memory that survives the process: a split ring says so itself, in its used index; of a packed
/// one nobody else knows.
/// </summary>
/// <remarks>
/// A burst is committed by one store into the ring: the used index, or the flags of the first used descriptor. Before
/// it <see cref="TargetBase"/> is written and <see cref="Open"/> set; after it <see cref="Base"/> and then
/// <see cref="Open"/> cleared. A successor that finds it open looks at the ring to learn which of the two holds.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct VringRecord
{
    /// <summary>Where the ring goes on, in the form of SET_VRING_BASE.</summary>
    internal uint Base;

    /// <summary>Where it goes on once the burst is committed.</summary>
    internal uint TargetBase;

    /// <summary>1 between the first and the last store of a burst.</summary>
    internal uint Open;

    /// <summary>1 once the ring was started with this record.</summary>
    internal uint Valid;
}
