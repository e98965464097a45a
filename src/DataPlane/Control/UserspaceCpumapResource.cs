using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>A cpumap in user space.</summary>
/// <param name="asked">Name, spec with its defaults filled in, and labels.</param>
internal sealed class UserspaceCpumapResource(Cpumap asked) : CpumapResource(asked)
{
    /// <summary>Its queues while they run, and what is sent into them.</summary>
    internal UserspaceQueues Queues { get; } = new((int)asked.Spec.MaxEntries);

    /// <summary>What the programs of entries redirect to, by CPU.</summary>
    internal Dictionary<uint, IReadOnlyList<IConnectable>> Targets { get; } = [];
}
