using Nf.DataPlane.Cpumaps;
using Nf.Linux;
using Nf.SharedMemory.Segments;
using Nf.SharedMemory.Store;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>Cpumaps of the kernel. Control thread only, but for what waits for the kernel.</summary>
internal sealed partial class KernelCpumaps(Resources resources, Background background, MachineCpus cpus)
    : ICpumapBackend, IKernelCpumaps, IDisposable
{
    private CpumapStatistics? _statistics;
    private string _statisticsReason = "";
    private KernelThreads? _threads;

    public event Action<string>? CpusChanged;

    /// <summary>Who sends into cpumaps; nobody unless somebody says so.</summary>
    internal ICpumapSenders Senders { get; set; } = new NoSenders();

    /// <summary>Whether a thread can run on a CPU; replaced by tests.</summary>
    internal Func<uint, TimeSpan, bool> ResponsiveCpu { get; set; } = CpuProbe.Responds;

    private IEnumerable<KernelCpumapResource> All => resources.Cpumaps.Values.OfType<KernelCpumapResource>();

    public KernelCpumapTarget? Find(string name) =>
        resources.Cpumaps.GetValueOrDefault(name) is KernelCpumapResource { Leaving: false } cpumap
            ? new KernelCpumapTarget(
                name, cpumap.Kernel.Map, cpumap.Frags,
                [.. cpumap.Entries.Values.Where(entry => !entry.Leaving).Select(entry => entry.Cpu)])
            : null;

    public bool RedirectsTo(string name, Linux.NetworkNamespace network, int ifindex)
    {
        FileIdentity identity = network.Identity;
        return resources.Cpumaps.GetValueOrDefault(name) is KernelCpumapResource cpumap
            && cpumap.Entries.Values.Concat(cpumap.Coming.Values).Any(
                entry => entry.Redirect is { } to && to.Ifindex == ifindex && to.Namespace == identity);
    }

    public CpumapResource Create(Cpumap asked)
    {
        IReadOnlyList<uint> possible = cpus.Possible;
        Cpumap full = asked.Clone();
        full.Status = null;
        full.Spec.Backend = CpumapBackend.Kernel;
        full.Spec.MaxEntries = asked.Spec.MaxEntries != 0 ? asked.Spec.MaxEntries : possible[^1] + 1;
        if (full.Spec.MaxEntries > cpus.BuiltFor)
        {
            throw new CommandFaultException(
                "CPU_OUT_OF_RANGE",
                $"spec.max_entries {full.Spec.MaxEntries}: the kernel is built for {cpus.BuiltFor} CPUs",
                Errno.E2BIG);
        }

        BeginCounting();
        var cpumap = new KernelCpumapResource(
            full,
            KernelCpumap.Create(asked.Name, full.Spec.MaxEntries, full.Spec.HasNumaNode ? full.Spec.NumaNode : null));
        try
        {
            resources.Store.Put(cpumap);
            return cpumap;
        }
        catch
        {
            cpumap.Kernel.Dispose();
            throw;
        }
    }

    public IEnumerable<string> UsersOf(CpumapResource cpumap) =>
        Senders.SteeringsInto(cpumap.Name).Select(steering => $"steering/{steering}");

    public CpumapStatus Describe(CpumapResource cpumap)
    {
        var kernel = (KernelCpumapResource)cpumap;
        var status = new CpumapStatus
        {
            MapId = kernel.Kernel.Id,
            ValueSize = (uint)kernel.Kernel.Map.ValueSizeBytes,
            CountersAvailable = _statistics is { IsComplete: true },
            CountersReason = _statisticsReason,
        };
        Publish(kernel);
        status.Entries.AddRange(kernel.Entries.Values.Select(entry => Describe(kernel, entry)));
        if (_statistics is not null)
        {
            status.RedirectErrors.AddRange(_statistics.ReadErrors(kernel.Kernel.Id).Select(error => new RedirectError
            {
                Interface = error.Interface,
                Error = error.Error,
                Packets = error.Packets,
            }));
        }

        return status;
    }

    public void Publish(CpumapResource cpumap)
    {
        var kernel = (KernelCpumapResource)cpumap;
        foreach (CpumapEntryResource entry in kernel.Entries.Values)
        {
            ref CpumapEntrySlot slot = ref resources.Segment.CpumapEntry(entry.Slot);
            slot.Identity.Cpu = entry.Cpu;
            slot.Identity.Backend = (uint)CpumapBackend.Kernel;
            slot.Identity.QueueSize = entry.Spec.QueueSize;
            slot.Identity.Threads = ThreadsOf(kernel, entry);
            CpumapCounts counts = CountsOf(kernel, entry);
            slot.In.Enqueued = counts.Enqueued;
            slot.In.EnqueueDrops = counts.EnqueueDrops;
            slot.In.Bulks = counts.Bulks;
            slot.Out.Processed = counts.Processed;
            slot.Out.AllocDrops = counts.AllocDrops;
            slot.Out.Sched = counts.Sched;
            slot.Out.ProgramPass = counts.Pass;
            slot.Out.ProgramDrop = counts.Drop;
            slot.Out.ProgramRedirect = counts.Redirect;
            slot.Identity.InUse = 1;
        }
    }

    /// <summary>Closes descriptors; what the keeper holds goes on.</summary>
    public void Dispose()
    {
        foreach (KernelCpumapResource cpumap in All)
        {
            cpumap.Kernel.Dispose();
        }

        _statistics?.Dispose();
    }

    private CpumapEntry Describe(KernelCpumapResource cpumap, CpumapEntryResource entry)
    {
        CpumapCounts counts = CountsOf(cpumap, entry);
        return new CpumapEntry
        {
            Cpu = entry.Cpu,
            QueueSize = entry.Spec.QueueSize,
            Program = entry.Spec.Program,
            ProgramId = entry.ProgramId,
            Threads = ThreadsOf(cpumap, entry),
            SegmentSlot = (uint)entry.Slot,
            Counters = CpumapCounters.ToProto(counts),
        };
    }

    private uint ThreadsOf(KernelCpumapResource cpumap, CpumapEntryResource entry)
    {
        uint threads = _threads?.Alive(cpumap.Kernel.Id, entry.Cpu) ?? 0;
        if (threads == 0 && !entry.Leaving && _threads is { CanCount: true } counting)
        {
            // One of an earlier life, which this one did not know of, has ended since.
            counting.Adopt(cpumap.Kernel.Id, entry.Cpu, runs: true);
            threads = 1;
        }

        return threads;
    }

    private CpumapCounts CountsOf(KernelCpumapResource cpumap, CpumapEntryResource entry)
    {
        CpumapCounts counts = entry.Earlier;
        if (_statistics is not null)
        {
            counts.Add(_statistics.Read(cpumap.Kernel.Id, entry.Cpu));
        }

        return counts;
    }

    // With the first cpumap. Without counters cpumaps work all the same.
    private void BeginCounting()
    {
        if (_threads is not null)
        {
            return;
        }

        try
        {
            var counting = StatisticsObject.Load();
            Use(counting);
            resources.Store.Put(counting);
        }
        catch (StoreException refusal)
        {
            // It counts for this life; the next one begins anew.
            resources.Events.Add(EventKind.Fault, "cpumap", "", $"the keeper: {refusal.Message}");
        }
        catch (BpfLoadException refusal)
        {
            _statisticsReason = $"the kernel refused to count: {refusal.Errno}";
            _threads = new KernelThreads(null);
        }
    }

    private void Use(StatisticsObject counting)
    {
        _statistics = new CpumapStatistics(counting);
        _statisticsReason = _statistics.Reason;
        _threads = new KernelThreads(
            counting.Runs(StatisticsObject.ThreadEndProgram) ? counting.Map("ended_threads") : null);
    }

    private sealed class NoSenders : ICpumapSenders
    {
        public IEnumerable<string> SteeringsInto(string cpumap) => [];

        public IEnumerable<string> CpumapsFedBy(Linux.NetworkNamespace network, int ifindex) => [];
    }
}
