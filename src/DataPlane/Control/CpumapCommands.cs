using Nf.DataPlane.Cpumaps;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>Creates and deletes cpumaps, sets and removes their entries: what is the same for every backend.</summary>
/// <param name="resources">Where they are.</param>
/// <param name="backends">Who runs them.</param>
/// <param name="cpus">Which CPUs there are.</param>
internal sealed class CpumapCommands(
    Resources resources, IReadOnlyDictionary<CpumapBackend, ICpumapBackend> backends, MachineCpus cpus)
{
    /// <summary>Longest wait for the end of a replaced thread in milliseconds.</summary>
    private const uint DrainMsMax = 60_000;

    /// <exception cref="CommandFaultException">
    /// NAME_TAKEN, INVALID_SPEC, LIMIT_REACHED, BACKEND_UNSUPPORTED; CPU_OUT_OF_RANGE, NUMA_NODE_UNKNOWN,
    /// CAPABILITY_MISSING, MEMORY_EXHAUSTED of the kernel.
    /// </exception>
    internal Cpumap Create(Cpumap asked)
    {
        if (resources.Cpumaps.TryGetValue(asked.Name, out CpumapResource? present))
        {
            throw new CommandFaultException(
                "NAME_TAKEN",
                present.Leaving
                    ? $"cpumap \"{asked.Name}\" is being deleted; its queues are not empty yet"
                    : $"cpumap \"{asked.Name}\" exists",
                present.Leaving ? Errno.EBUSY : Errno.EEXIST);
        }

        if (resources.Cpumaps.Count >= Resources.CpumapCountMax)
        {
            throw new CommandFaultException(
                "LIMIT_REACHED", $"there are {Resources.CpumapCountMax} cpumaps already, the most", Errno.ENOBUFS);
        }

        CpumapResource cpumap = BackendOf(asked.Spec.Backend).Create(asked);
        resources.Cpumaps.Add(cpumap.Name, cpumap);
        resources.Events.Add(
            EventKind.Created, "cpumap", cpumap.Name, $"for CPUs below {cpumap.Asked.Spec.MaxEntries}");
        return Describe(cpumap);
    }

    /// <summary>Deletes a cpumap once its queues are empty.</summary>
    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE, IN_USE, ENTRY_BUSY.</exception>
    internal PendingReply Delete(string name)
    {
        CpumapResource cpumap = resources.Cpumap(name);
        string users = string.Join(", ", BackendOf(cpumap).UsersOf(cpumap));
        if (users.Length != 0)
        {
            throw new CommandFaultException("IN_USE", $"cpumap \"{name}\" is used by {users}", Errno.EBUSY);
        }

        CheckQuiet(cpumap, null);
        cpumap.Leaving = true;
        var answer = new PendingReply();
        BackendOf(cpumap).Delete(cpumap, answer);
        return answer;
    }

    /// <summary>Sets an entry, or removes it when the queue size is 0.</summary>
    /// <exception cref="CommandFaultException">
    /// UNKNOWN_RESOURCE; those of <see cref="CpumapRules.CheckUpdate"/> in their order; ENTRY_BUSY; and those of the
    /// backend.
    /// </exception>
    internal PendingReply Update(UpdateCpumapEntry asked)
    {
        CpumapResource cpumap = resources.Cpumap(asked.Cpumap);
        CpumapEntrySpec entry = asked.Entry
            ?? throw new CommandFaultException("INVALID_SPEC", "entry: must be set", Errno.EINVAL);
        bool present = cpumap.Entries.ContainsKey(entry.Cpu);
        CpumapRules.CheckUpdate(entry, asked.Mode, cpumap.Asked.Spec.MaxEntries, present, cpus.Possible);
        CheckQuiet(cpumap, entry.Cpu);
        TimeSpan drain = Drain(asked.DrainTimeoutMs);
        if (entry.QueueSize == 0)
        {
            return Remove(cpumap, entry.Cpu, drain);
        }

        if (!cpus.Online.Contains(entry.Cpu))
        {
            throw new CommandFaultException(
                "CPU_OFFLINE", $"entry.cpu {entry.Cpu}: the CPU is offline, no thread can start there", Errno.EBUSY);
        }

        var answer = new PendingReply();
        BackendOf(cpumap).SetEntry(cpumap, entry, drain, answer);
        return answer;
    }

    /// <summary>Removes an entry; no fault when there is none.</summary>
    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE, CPU_OUT_OF_RANGE, ENTRY_BUSY.</exception>
    internal PendingReply DeleteEntry(DeleteCpumapEntry asked)
    {
        CpumapResource cpumap = resources.Cpumap(asked.Cpumap);
        CpumapRules.CheckCpu(asked.Cpu, cpumap.Asked.Spec.MaxEntries);
        CheckQuiet(cpumap, asked.Cpu);
        return Remove(cpumap, asked.Cpu, Drain(asked.DrainTimeoutMs));
    }

    internal Cpumap Describe(CpumapResource cpumap)
    {
        Cpumap described = cpumap.Asked.Clone();
        described.Status = BackendOf(cpumap).Describe(cpumap);
        described.Status.UsedBy.AddRange(BackendOf(cpumap).UsersOf(cpumap));
        return described;
    }

    /// <summary>Writes counters into the segment; once a second.</summary>
    internal void Publish()
    {
        foreach (CpumapResource cpumap in resources.Cpumaps.Values)
        {
            BackendOf(cpumap).Publish(cpumap);
        }
    }

    /// <summary>Looks at deadlines.</summary>
    /// <param name="nowNs">Of the monotonic clock.</param>
    internal void Tick(long nowNs)
    {
        foreach (ICpumapBackend backend in backends.Values)
        {
            backend.Tick(nowNs);
        }
    }

    private PendingReply Remove(CpumapResource cpumap, uint cpu, TimeSpan drain)
    {
        if (!cpumap.Entries.TryGetValue(cpu, out CpumapEntryResource? entry))
        {
            return PendingReply.Known(new Reply { CpumapEntry = new CpumapEntryDone() });
        }

        var answer = new PendingReply();
        BackendOf(cpumap).RemoveEntry(cpumap, entry, drain, answer);
        return answer;
    }

    private static TimeSpan Drain(uint milliseconds) => milliseconds <= DrainMsMax
        ? TimeSpan.FromMilliseconds(milliseconds)
        : throw new CommandFaultException(
            "INVALID_SPEC", $"drain_timeout of {milliseconds} ms: at most {DrainMsMax}", Errno.EINVAL);

    // An earlier change may hang in the kernel, on a CPU that does not answer.
    private static void CheckQuiet(CpumapResource cpumap, uint? cpu)
    {
        if (cpumap.Leaving)
        {
            throw new CommandFaultException(
                "ENTRY_BUSY", $"cpumap \"{cpumap.Name}\" is being deleted", Errno.EBUSY);
        }

        if (cpu is { } one ? cpumap.Changing.Contains(one) : cpumap.Changing.Count != 0)
        {
            throw new CommandFaultException(
                "ENTRY_BUSY",
                $"cpumap \"{cpumap.Name}\": a change of CPU {cpu ?? cpumap.Changing.Min()} is under way",
                Errno.EBUSY);
        }
    }

    private ICpumapBackend BackendOf(CpumapResource cpumap) => BackendOf(cpumap.Asked.Spec.Backend);

    private ICpumapBackend BackendOf(CpumapBackend asked)
    {
        CpumapBackend backend = asked == CpumapBackend.Unspecified ? CpumapBackend.Kernel : asked;
        return backends.GetValueOrDefault(backend) ?? throw new CommandFaultException(
            "BACKEND_UNSUPPORTED", $"spec.backend {asked}: this data plane has none such", Errno.EOPNOTSUPP);
    }
}
