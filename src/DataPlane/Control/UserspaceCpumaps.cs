using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Ports;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Segments;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>Cpumaps in user space: their entries are queues that workers of the data plane empty. Control thread
/// only.</summary>
internal sealed partial class UserspaceCpumaps(Resources resources, MachineCpus cpus)
    : ICpumapBackend, IPortUsers
{
    /// <summary>Rounds of a worker that a change waits for before it is left to the next tick. A full queue takes 256
    /// of them; most are empty at the first look.</summary>
    private const int RoundsMax = 2000;

    private readonly Crossings _crossings = resources.Crossings;
    private readonly List<Draining> _draining = [];

    public CpumapResource Create(Cpumap asked)
    {
        IReadOnlyList<uint> possible = cpus.Possible;
        Cpumap full = asked.Clone();
        full.Status = null;
        full.Spec.MaxEntries = asked.Spec.MaxEntries != 0 ? asked.Spec.MaxEntries : possible[^1] + 1;
        if (full.Spec.MaxEntries > cpus.BuiltFor)
        {
            throw new CommandFaultException(
                "CPU_OUT_OF_RANGE",
                $"spec.max_entries {full.Spec.MaxEntries}: the kernel is built for {cpus.BuiltFor} CPUs", Errno.E2BIG);
        }

        if (full.Spec.HasNumaNode)
        {
            throw new CommandFaultException(
                "INVALID_SPEC", "spec.numa_node: only for the kernel's cpumaps", Errno.EINVAL);
        }

        var cpumap = new UserspaceCpumapResource(full);
        resources.Store.Put(cpumap);
        resources.Queues.Add(cpumap.Name, cpumap.Queues);
        return cpumap;
    }

    public void SetEntry(CpumapResource cpumap, CpumapEntrySpec asked, TimeSpan drain, PendingReply answer)
    {
        var owner = (UserspaceCpumapResource)cpumap;
        UserspaceProgram? program = UserspaceProgram.Of(asked.Program, resources);
        Worker worker = resources.Workers.On((int)asked.Cpu);
        foreach (RedirectTarget? target in program?.Targets ?? [])
        {
            Find(target);
        }

        // The keeper knows it first: from then on nothing is refused.
        CpumapEntryResource? before = owner.Entries.GetValueOrDefault(asked.Cpu);
        int slot = before?.Slot ?? TakeSlot();
        owner.Entries[asked.Cpu] = new CpumapEntryResource(asked.Clone(), slot);
        try
        {
            resources.Store.Put(owner);
        }
        catch
        {
            owner.Entries.Remove(asked.Cpu);
            if (before is null)
            {
                GiveSlot(slot);
            }
            else
            {
                owner.Entries.Add(asked.Cpu, before);
            }

            throw;
        }

        UserspaceEntry? old = Start(owner, asked, program, worker);
        Publish(owner);
        resources.Events.Add(
            before is null ? EventKind.Created : EventKind.StateChanged, "cpumap", owner.Name,
            $"CPU {asked.Cpu}: queue of {asked.QueueSize}"
            + (before is null ? "" : $" in place of {before.Spec.QueueSize}"),
            ("cpu", $"{asked.Cpu}"));
        Wait(owner, asked.Cpu, old, drain, draining => answer.Complete(new Reply
        {
            CpumapEntry = new CpumapEntryDone
            {
                Entry = Describe(owner, owner.Entries[asked.Cpu]),
                Draining = draining,
            },
        }));
    }

    public void RemoveEntry(CpumapResource cpumap, CpumapEntryResource entry, TimeSpan drain, PendingReply answer)
    {
        var owner = (UserspaceCpumapResource)cpumap;
        UserspaceEntry? old = Stop(owner, entry);
        resources.Store.Put(owner);
        Wait(owner, entry.Cpu, old, drain, draining => answer.Complete(
            new Reply { CpumapEntry = new CpumapEntryDone { Draining = draining } }));
    }

    public void Delete(CpumapResource cpumap, PendingReply answer)
    {
        var owner = (UserspaceCpumapResource)cpumap;
        int left = owner.Entries.Count;
        foreach (CpumapEntryResource entry in owner.Entries.Values.ToArray())
        {
            Wait(owner, entry.Cpu, Stop(owner, entry), Timeout.InfiniteTimeSpan, _ =>
            {
                left--;
                Forget(owner, left, answer);
            });
        }

        Forget(owner, left, answer);
    }

    public IEnumerable<string> UsersOf(CpumapResource cpumap)
    {
        UserspaceQueues queues = ((UserspaceCpumapResource)cpumap).Queues;
        return resources.Connections
            .Where(connection => connection.Uses.Any(use => use?.Cpumap == queues))
            .Select(connection => $"{connection.Type}/{connection.Name}");
    }

    public CpumapStatus Describe(CpumapResource cpumap)
    {
        var owner = (UserspaceCpumapResource)cpumap;
        Publish(owner);
        var status = new CpumapStatus { CountersAvailable = true };
        status.Entries.AddRange(owner.Entries.Values.Select(entry => Describe(owner, entry)));
        return status;
    }

    public void Publish(CpumapResource cpumap)
    {
        var owner = (UserspaceCpumapResource)cpumap;
        foreach (CpumapEntryResource entry in owner.Entries.Values)
        {
            UserspaceCounts counts = Crossings.CountsOf(owner.Queues, entry.Cpu);
            ref CpumapEntrySlot slot = ref resources.Segment.CpumapEntry(entry.Slot);
            slot.Identity.Cpu = entry.Cpu;
            slot.Identity.Backend = (uint)CpumapBackend.Userspace;
            slot.Identity.QueueSize = entry.Spec.QueueSize;
            slot.Identity.QueueLevel = owner.Queues.Entries[entry.Cpu].Queue.Ring.Level;
            slot.Identity.Threads = ThreadsOf(owner, entry.Cpu);
            slot.In = counts.In;
            slot.Out = counts.Out;
            slot.Identity.InUse = 1;
        }
    }

    public void Tick(long nowNs)
    {
        foreach (Draining draining in _draining.ToArray())
        {
            if (draining.Old.IsDrained())
            {
                Finish(draining);
            }
            else if (nowNs > draining.DeadlineNs)
            {
                Tell(draining, isDraining: true);
            }
        }
    }

    public IEnumerable<string> UsersOf(IConnectable target) =>
        All.Where(cpumap => cpumap.Targets.Values.Any(targets => targets.Contains(target)))
            .Select(cpumap => $"cpumap/{cpumap.Name}");

    public void Refresh(IConnectable target)
    {
        foreach (UserspaceCpumapResource owner in All.ToArray())
        {
            foreach (uint cpu in owner.Targets.Where(e => e.Value.Contains(target)).Select(e => e.Key).ToArray())
            {
                CpumapEntrySpec spec = owner.Entries[cpu].Spec;
                UserspaceEntry? old = Start(
                    owner, spec, UserspaceProgram.Of(spec.Program, resources), resources.Workers.On((int)cpu));
                if (old is not null)
                {
                    AwaitDrained(old);
                    Fold(owner, old);
                }
            }
        }
    }

    private IEnumerable<UserspaceCpumapResource> All => resources.Cpumaps.Values.OfType<UserspaceCpumapResource>();

    // Everything of it is made before anything is changed.
    private UserspaceEntry? Start(
        UserspaceCpumapResource owner, CpumapEntrySpec asked, UserspaceProgram? program, Worker worker)
    {
        IConnectable?[] targets = [.. (program?.Targets ?? []).Select(Find)];
        var redirects = new List<UserspaceRedirect>();
        CrossingFilter? filter = program is null
            ? null
            : new CrossingFilter(
                program.Run, program.Actions, [.. targets.Select(target => PortOf(target, worker, redirects))]);
        CrossingOut queue = _crossings.NewQueue(
            asked.QueueSize, owner.Queues.Entries.GetValueOrDefault(asked.Cpu));
        queue.Filter = filter;
        UserspaceEntry? old = _crossings.SetEntry(
            owner.Queues, new UserspaceEntry(asked.Cpu, worker, queue, filter, redirects));
        owner.Targets[asked.Cpu] = [.. targets.OfType<IConnectable>()];
        return old;
    }

    private UserspaceEntry? Stop(UserspaceCpumapResource owner, CpumapEntryResource entry)
    {
        owner.Entries.Remove(entry.Cpu);
        owner.Targets.Remove(entry.Cpu);
        UserspaceEntry? old = Crossings.RemoveEntry(owner.Queues, entry.Cpu);
        GiveSlot(entry.Slot);
        resources.Events.Add(
            EventKind.Deleted, "cpumap", owner.Name, $"CPU {entry.Cpu}: the entry is gone", ("cpu", $"{entry.Cpu}"));
        return old;
    }

    private IConnectable? Find(RedirectTarget? target) => target?.ToCase switch
    {
        RedirectTarget.ToOneofCase.XskSocket => resources.Socket(target.XskSocket),
        RedirectTarget.ToOneofCase.VhostDevice => resources.VhostDevice(target.VhostDevice),
        _ => null,
    };

    private Port? PortOf(IConnectable? target, Worker worker, List<UserspaceRedirect> redirects)
    {
        if (target?.Ports[0] is not { } port)
        {
            return null;
        }

        if (target.Group.Worker == worker)
        {
            return port;
        }

        UserspaceRedirect redirect = _crossings.NewRedirect(target.Group.Worker, port);
        redirects.Add(redirect);
        return redirect.Near;
    }

    // Tells as soon as the old entry is empty, or its time is over; what drains longer goes on doing so.
    private void Wait(
        UserspaceCpumapResource owner, uint cpu, UserspaceEntry? old, TimeSpan patience, Action<bool> tell)
    {
        if (old is null)
        {
            tell(false);
            return;
        }

        long deadline = patience == Timeout.InfiniteTimeSpan
            ? long.MaxValue
            : Clock.MonotonicNs() + (long)patience.TotalNanoseconds;
        var draining = new Draining(owner, cpu, old, deadline) { Then = tell };
        owner.Queues.Draining.Add(old);
        owner.Changing.Add(cpu);
        _draining.Add(draining);
        for (int round = 0; round < RoundsMax; round++)
        {
            if (old.IsDrained())
            {
                Finish(draining);
                return;
            }
        }
    }

    private static void AwaitDrained(UserspaceEntry old)
    {
        long deadline = Clock.MonotonicNs() + Crossings.PatienceNs;
        while (!old.IsDrained())
        {
            if (Clock.MonotonicNs() > deadline)
            {
                throw new InvalidOperationException($"the queue of CPU {old.Cpu} does not become empty");
            }
        }
    }

    // An old entry that is empty goes; what it counted stays.
    private void Fold(UserspaceCpumapResource owner, UserspaceEntry old)
    {
        UserspaceCounts counts = owner.Queues.Earlier.GetValueOrDefault(old.Cpu);
        old.Worker.Invoke(() => counts.Add(old));
        _crossings.End(old);
        owner.Queues.Earlier[old.Cpu] = counts;
        owner.Queues.Draining.Remove(old);
    }

    private void Finish(Draining draining)
    {
        Fold(draining.Owner, draining.Old);
        _draining.Remove(draining);
        Tell(draining, isDraining: false);
    }

    private static void Tell(Draining draining, bool isDraining)
    {
        if (draining.Then is { } then)
        {
            draining.Then = null;
            draining.Owner.Changing.Remove(draining.Cpu);
            then(isDraining);
        }
    }

    private void Forget(UserspaceCpumapResource owner, int left, PendingReply answer)
    {
        if (left != 0 || !resources.Cpumaps.Remove(owner.Name))
        {
            return;
        }

        resources.Queues.Remove(owner.Name);
        resources.Store.Drop(owner);
        resources.Events.Add(EventKind.Deleted, "cpumap", owner.Name, "");
        answer.Complete(CommandReplies.Done());
    }

    private static CpumapEntry Describe(UserspaceCpumapResource owner, CpumapEntryResource entry)
    {
        UserspaceCounts counts = Crossings.CountsOf(owner.Queues, entry.Cpu);
        return new CpumapEntry
        {
            Cpu = entry.Cpu,
            QueueSize = entry.Spec.QueueSize,
            Program = entry.Spec.Program,
            Threads = ThreadsOf(owner, entry.Cpu),
            SegmentSlot = (uint)entry.Slot,
            Counters = new CpumapEntryCounters
            {
                Enqueued = counts.In.Enqueued,
                EnqueueDrops = counts.In.EnqueueDrops,
                Bulks = counts.In.Bulks,
                Processed = counts.Out.Processed,
                AllocDrops = counts.Out.AllocDrops,
                Sched = counts.Out.Sched,
                ProgramPass = counts.Out.ProgramPass,
                ProgramDrop = counts.Out.ProgramDrop,
                ProgramRedirect = counts.Out.ProgramRedirect,
            },
        };
    }

    private static uint ThreadsOf(UserspaceCpumapResource owner, uint cpu) =>
        1 + (uint)owner.Queues.Draining.Count(old => old.Cpu == cpu);

    private int TakeSlot()
    {
        int slot = resources.CpumapEntrySlots.Take();
        resources.Segment.CpumapEntry(slot) = default;
        return slot;
    }

    private void GiveSlot(int slot)
    {
        resources.Segment.CpumapEntry(slot) = default;
        resources.CpumapEntrySlots.Give(slot);
    }

    /// <summary>An entry that was replaced or removed, and whose queue may not be empty yet.</summary>
    private sealed record Draining(UserspaceCpumapResource Owner, uint Cpu, UserspaceEntry Old, long DeadlineNs)
    {
        internal Action<bool>? Then { get; set; }
    }
}
