using Nf.DataPlane.Cpumaps;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>A cpumap of the kernel.</summary>
/// <param name="asked">Name, spec with its defaults filled in, and labels.</param>
/// <param name="kernel">The map.</param>
internal sealed class KernelCpumapResource(Cpumap asked, KernelCpumap kernel) : CpumapResource(asked)
{
    internal KernelCpumap Kernel { get; } = kernel;

    /// <summary>Entries that may be the kernel's soon: the keeper knows them before the kernel is asked.</summary>
    internal Dictionary<uint, CpumapEntryResource> Coming { get; } = [];

    /// <summary>CPUs that had an entry at some time: their counters are kept while the cpumap is.</summary>
    internal HashSet<uint> Watched { get; } = [];

    internal bool Frags => Asked.Spec.Frags;
}
