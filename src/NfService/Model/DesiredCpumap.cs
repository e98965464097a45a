using System.Collections.Immutable;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Nf.V1;

namespace Nf.Service;

/// <summary>A cpumap as it was asked for, with the entries set since. Never changed: it is replaced.</summary>
internal sealed class DesiredCpumap : DesiredResource
{
    private const uint NumaNodeCountMax = 1024; // as of a UMEM

    private readonly CpumapSpec _spec;

    private DesiredCpumap(
        ResourceName name, CpumapSpec spec, IReadOnlyDictionary<string, string> labels,
        ImmutableSortedDictionary<uint, CpumapEntrySpec> entries)
        : base(CpumapType, name, labels)
    {
        _spec = spec;
        Entries = entries;
    }

    /// <summary>Kernel or user space.</summary>
    public CpumapBackend Backend => _spec.Backend;

    /// <summary>The entries by CPU. The messages in it must not be changed.</summary>
    public ImmutableSortedDictionary<uint, CpumapEntrySpec> Entries { get; }

    protected override IMessage SpecMessage => _spec;

    /// <exception cref="InvalidSpecException">Names every fault of the request.</exception>
    public static DesiredCpumap From(CreateCpumapRequest request)
    {
        var faults = new SpecFaults();
        ResourceName name = ResourceName.Check(faults, "name", request.Name);
        LabelRules.Check(faults, request.Labels);
        CpumapSpec spec = Normalise(request.Spec ?? new CpumapSpec());
        Check(faults, spec);
        faults.ThrowIfAny();
        return new DesiredCpumap(
            name, spec, Copy(request.Labels), ImmutableSortedDictionary<uint, CpumapEntrySpec>.Empty);
    }

    /// <summary>A cpumap that runs already: the data plane vouches for its spec and its entries.</summary>
    /// <param name="running">What runs.</param>
    /// <param name="known">What was known of it: entries that do not run stay desired.</param>
    public static DesiredCpumap Learn(Cpumap running, DesiredCpumap? known)
    {
        ImmutableSortedDictionary<uint, CpumapEntrySpec> entries =
            known?.Entries ?? ImmutableSortedDictionary<uint, CpumapEntrySpec>.Empty;
        foreach (CpumapEntry entry in running.Status?.Entries ?? [])
        {
            entries = entries.SetItem(entry.Cpu, new CpumapEntrySpec
            {
                Cpu = entry.Cpu,
                QueueSize = entry.QueueSize,
                Program = entry.Program,
            });
        }

        return new DesiredCpumap(
            ResourceName.Parse(running.Name), Normalise(running.Spec ?? new CpumapSpec()), Copy(running.Labels),
            entries);
    }

    /// <summary>The same cpumap with an entry set, or removed when its queue size is 0.</summary>
    public DesiredCpumap With(CpumapEntrySpec entry) => entry.QueueSize == 0
        ? Without(entry.Cpu)
        : new DesiredCpumap(Name, _spec, Labels, Entries.SetItem(entry.Cpu, entry));

    /// <summary>The same cpumap without an entry.</summary>
    public DesiredCpumap Without(uint cpu) => new(Name, _spec, Labels, Entries.Remove(cpu));

    /// <summary>The resource for an answer or a command.</summary>
    public Cpumap ToProto(CpumapStatus? status = null)
    {
        var cpumap = new Cpumap { Name = Name.Value, Spec = _spec.Clone(), Status = status };
        cpumap.Labels.Add(new Dictionary<string, string>(Labels));
        return cpumap;
    }

    // 0 stands for the possible CPUs of the machine.
    protected override bool LeavesOpen(FieldDescriptor field, object? value) =>
        field.FieldNumber == CpumapSpec.MaxEntriesFieldNumber && value is 0u;

    private static CpumapSpec Normalise(CpumapSpec asked)
    {
        CpumapSpec spec = asked.Clone();
        spec.Backend = spec.Backend == CpumapBackend.Unspecified ? CpumapBackend.Kernel : spec.Backend;
        return spec;
    }

    private static void Check(SpecFaults faults, CpumapSpec spec)
    {
        faults.RequireDefined(spec.Backend, "spec.backend");
        faults.Require(
            spec.MaxEntries <= CpuSelectionRules.CpuCountMax,
            "spec.max_entries",
            $"{spec.MaxEntries} is above {CpuSelectionRules.CpuCountMax}, the most CPUs of a kernel");
        faults.Require(
            !spec.HasNumaNode || spec.NumaNode < NumaNodeCountMax,
            "spec.numa_node",
            $"{spec.NumaNode} is no node: a kernel has at most {NumaNodeCountMax}");
        faults.Require(
            !spec.HasNumaNode || spec.Backend == CpumapBackend.Kernel,
            "spec.numa_node",
            "is for cpumaps of the kernel; in user space an entry's memory is where its CPU is");
    }
}
