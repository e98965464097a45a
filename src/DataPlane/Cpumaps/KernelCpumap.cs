using Nf.Linux;

namespace Nf.DataPlane.Cpumaps;

/// <summary>A map of type BPF_MAP_TYPE_CPUMAP.</summary>
/// <param name="map">The map; owned from here on.</param>
internal sealed class KernelCpumap(BpfMap map) : IDisposable
{
    internal BpfMap Map { get; } = map;

    /// <summary>The kernel's number.</summary>
    internal uint Id => Map.Id;

    /// <summary>CPUs below this can have an entry.</summary>
    internal uint MaxEntries => Map.MaxEntries;

    /// <summary>Whether this kernel knows programs of entries (5.9+).</summary>
    internal bool HasPrograms => Map.ValueSizeBytes == BpfMap.CpumapValueBytes;

    /// <summary>Makes a map with the larger value that the kernel takes.</summary>
    /// <exception cref="CommandFaultException">
    /// INVALID_SPEC (EINVAL), CPU_OUT_OF_RANGE (E2BIG), NUMA_NODE_UNKNOWN, CAPABILITY_MISSING, MEMORY_EXHAUSTED.
    /// </exception>
    internal static KernelCpumap Create(string name, uint maxEntries, uint? numaNode)
    {
        try
        {
            return new KernelCpumap(Make(name, BpfMap.CpumapValueBytes, maxEntries, numaNode));
        }
        catch (LinuxException refusal) when (refusal.Errno == Errno.EINVAL && maxEntries != 0)
        {
            return CreateForQueuesOnly(name, maxEntries, numaNode);
        }
        catch (LinuxException refusal)
        {
            throw Fault(maxEntries, numaNode, refusal);
        }
    }

    /// <summary>What is in the map, by CPU.</summary>
    internal IEnumerable<(uint Cpu, uint QueueSize, uint ProgramId)> Entries()
    {
        for (uint cpu = 0; cpu < MaxEntries; cpu++)
        {
            if (Map.TryLookupCpumap(cpu, out uint queueSize, out uint programId))
            {
                yield return (cpu, queueSize, programId);
            }
        }
    }

    /// <summary>Closes the descriptor. The map ends, with its threads, when nobody else holds it.</summary>
    public void Dispose() => Map.Dispose();

    // Before 5.9; or the kernel dislikes something else, and says so again.
    private static KernelCpumap CreateForQueuesOnly(string name, uint maxEntries, uint? numaNode)
    {
        try
        {
            return new KernelCpumap(Make(name, BpfMap.CpumapQueueValueBytes, maxEntries, numaNode));
        }
        catch (LinuxException refusal)
        {
            throw Fault(maxEntries, numaNode, refusal);
        }
    }

    private static BpfMap Make(string name, int valueBytes, uint maxEntries, uint? numaNode) => BpfMap.Create(
        LinuxBpf.BPF_MAP_TYPE_CPUMAP, KernelName(name), sizeof(uint), valueBytes, maxEntries, numaNode: numaNode);

    // The kernel takes letters, digits, dots and underscores (bpf_obj_name_cpy).
    private static string KernelName(string name) => name.Replace('-', '_');

    private static CommandFaultException Fault(uint maxEntries, uint? numaNode, LinuxException refusal) =>
        refusal.Errno switch
        {
            Errno.E2BIG => CommandFaultException.From(
                "CPU_OUT_OF_RANGE", $"spec.max_entries {maxEntries}: the kernel is built for fewer CPUs", refusal),
            Errno.EINVAL when numaNode is not null => CommandFaultException.From(
                "NUMA_NODE_UNKNOWN", $"spec.numa_node {numaNode}", refusal),
            Errno.EINVAL => CommandFaultException.From("INVALID_SPEC", $"spec.max_entries {maxEntries}", refusal),
            Errno.EPERM => CommandFaultException.From(
                "CAPABILITY_MISSING", "the data plane needs CAP_BPF and CAP_NET_ADMIN for cpumaps", refusal),
            Errno.ENOMEM => CommandFaultException.From(
                "MEMORY_EXHAUSTED", "the kernel has no memory for the cpumap", refusal),
            _ => CommandFaultException.From("CPUMAP_REFUSED", "the kernel refused the cpumap", refusal),
        };
}
