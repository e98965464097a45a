using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>A cpumap as the control thread knows it; each backend has a kind of its own.</summary>
/// <param name="asked">Name, spec with its defaults filled in, and labels.</param>
internal abstract class CpumapResource(Cpumap asked)
{
    internal string Name { get; } = asked.Name;

    /// <summary>Name, spec with its defaults filled in, and labels.</summary>
    internal Cpumap Asked { get; } = asked;

    /// <summary>By CPU.</summary>
    internal SortedDictionary<uint, CpumapEntryResource> Entries { get; } = [];

    /// <summary>CPUs whose entry is being set or removed: one change at a time.</summary>
    internal HashSet<uint> Changing { get; } = [];

    /// <summary>It is being deleted.</summary>
    internal bool Leaving { get; set; }
}
