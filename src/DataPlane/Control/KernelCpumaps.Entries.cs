using Nf.DataPlane.Cpumaps;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Store;
using Nf.V1;

namespace Nf.DataPlane.Control;

// Setting and removing entries. What the keeper knows is always enough for the next life to find out, with the map
// itself, what came of a change that this life did not see the end of.
internal sealed partial class KernelCpumaps
{
    /// <summary>
    /// How long the kernel itself may take for an update, beyond the wait for the replaced thread, before the caller is
    /// told that it hangs. Arbitrary; it takes less than a millisecond on a CPU that answers.
    /// </summary>
    private static readonly TimeSpan KernelPatience = TimeSpan.FromSeconds(5);

    private readonly List<(long DeadlineNs, PendingReply Answer, string What)> _waiting = [];

    public void SetEntry(CpumapResource cpumap, CpumapEntrySpec asked, TimeSpan drain, PendingReply answer)
    {
        var owner = (KernelCpumapResource)cpumap;
        KernelEntryProgram program = KernelEntryProgram.Resolve(resources, owner, Senders, asked.Program);
        CpumapEntryResource? old = owner.Entries.GetValueOrDefault(asked.Cpu);
        int slot = old?.Slot ?? -1;
        try
        {
            slot = old?.Slot ?? TakeSlot();
            Watch(owner, asked.Cpu);
            _statistics?.WatchProgram(
                owner.Kernel.Id, program.Program?.Id ?? 0, program.Redirect?.MapId ?? 0);
            owner.Coming[asked.Cpu] = new CpumapEntryResource(asked.Clone(), slot)
            {
                ProgramId = program.Program?.Id ?? 0,
                Redirect = program.Redirect,
                Earlier = old?.Earlier ?? default,
            };
            resources.Store.Put(owner);
        }
        catch
        {
            owner.Coming.Remove(asked.Cpu);
            program.Dispose();
            GiveSlot(old is null ? slot : -1);
            throw;
        }

        owner.Changing.Add(asked.Cpu);
        var change = new EntryChange(owner.Kernel, _threads!, asked.Cpu, drain);
        Await(answer, drain, $"cpumap \"{owner.Name}\": CPU {asked.Cpu}");
        background.Start("nf-cpumap", () =>
        {
            CommandFaultException? fault = change.TrySet(asked.QueueSize, program.Program, ResponsiveCpu);
            program.Dispose();
            if (fault is not null)
            {
                background.Post(() => GiveUp(owner, asked.Cpu, fault, answer));
                return;
            }

            background.Post(() => Take(owner, asked.Cpu));
            bool drained = change.WaitForThreads(expected: 1);
            background.Post(() => Answer(owner, asked.Cpu, draining: !drained, answer));
        });
    }

    public void RemoveEntry(CpumapResource cpumap, CpumapEntryResource entry, TimeSpan drain, PendingReply answer)
    {
        var owner = (KernelCpumapResource)cpumap;
        BeginRemoval(owner, [entry]);
        var change = new EntryChange(owner.Kernel, _threads!, entry.Cpu, drain);
        Await(answer, drain, $"cpumap \"{owner.Name}\": CPU {entry.Cpu}");
        background.Start("nf-cpumap", () =>
        {
            CommandFaultException? fault = change.TryRemove();
            bool drained = fault is null && change.WaitForThreads(expected: 0);
            background.Post(() =>
            {
                EndRemoval(owner, entry);
                if (fault is not null)
                {
                    answer.Fail(fault);
                    return;
                }

                answer.Complete(new Reply { CpumapEntry = new CpumapEntryDone { Draining = !drained } });
            });
        });
    }

    public void Delete(CpumapResource cpumap, PendingReply answer)
    {
        var owner = (KernelCpumapResource)cpumap;
        CpumapEntryResource[] entries = [.. owner.Entries.Values];
        BeginRemoval(owner, entries);
        EntryChange[] changes =
        [
            .. entries.Select(entry => new EntryChange(owner.Kernel, _threads!, entry.Cpu, KernelPatience)),
        ];
        background.Start("nf-cpumap", () =>
        {
            foreach (EntryChange change in changes)
            {
                change.TryRemove();
            }

            // What still drains after the patience does so without us: the kernel ends the threads when they are empty.
            foreach (EntryChange change in changes)
            {
                change.WaitForThreads(expected: 0);
            }

            background.Post(() =>
            {
                foreach (CpumapEntryResource entry in entries)
                {
                    EndRemoval(owner, entry);
                }

                Forget(owner);
                answer.Complete(CommandReplies.Done());
            });
        });
    }

    public void Tick(long nowNs)
    {
        foreach ((_, PendingReply answer, string what) in _waiting.Where(w => w.DeadlineNs < nowNs))
        {
            answer.Fail(new CommandFaultException(
                "CPU_UNRESPONSIVE",
                $"{what}: the kernel has not started the thread of the entry; the change goes on when it does",
                Errno.ETIMEDOUT));
        }

        _waiting.RemoveAll(waiting => waiting.Answer.Reply is not null);
    }

    private void Await(PendingReply answer, TimeSpan drain, string what) => _waiting.Add(
        (Clock.MonotonicNs() + (long)(drain + KernelPatience + CpuProbe.Patience).TotalNanoseconds, answer, what));

    // The kernel has it.
    private void Take(KernelCpumapResource owner, uint cpu)
    {
        owner.Coming.Remove(cpu, out CpumapEntryResource? entry);
        CpumapEntryResource? old = owner.Entries.GetValueOrDefault(cpu);
        owner.Entries[cpu] = entry!;
        if (old is not null)
        {
            _statistics?.ForgetProgram(KeptBy(owner, old.ProgramId), old.Redirect?.MapId ?? 0);
        }

        Remember(owner);
        Publish(owner);
        resources.Events.Add(
            old is null ? EventKind.Created : EventKind.StateChanged, "cpumap", owner.Name,
            $"CPU {cpu}: queue of {entry!.Spec.QueueSize}{(old is null ? "" : $" in place of {old.Spec.QueueSize}")}",
            ("cpu", $"{cpu}"));
        if (old is null)
        {
            CpusChanged?.Invoke(owner.Name);
        }
    }

    // The kernel refused it.
    private void GiveUp(KernelCpumapResource owner, uint cpu, CommandFaultException fault, PendingReply answer)
    {
        owner.Coming.Remove(cpu, out CpumapEntryResource? entry);
        owner.Changing.Remove(cpu);
        _statistics?.ForgetProgram(KeptBy(owner, entry!.ProgramId), entry.Redirect?.MapId ?? 0);
        if (!owner.Entries.ContainsKey(cpu))
        {
            GiveSlot(entry!.Slot);
        }

        Remember(owner);
        answer.Fail(fault);
    }

    private void Answer(KernelCpumapResource owner, uint cpu, bool draining, PendingReply answer)
    {
        owner.Changing.Remove(cpu);
        answer.Complete(new Reply
        {
            CpumapEntry = new CpumapEntryDone { Entry = Describe(owner, owner.Entries[cpu]), Draining = draining },
        });
    }

    // Senders stop to choose the CPUs before the kernel loses the entries.
    private void BeginRemoval(KernelCpumapResource owner, CpumapEntryResource[] entries)
    {
        foreach (CpumapEntryResource entry in entries)
        {
            entry.Leaving = true;
            owner.Changing.Add(entry.Cpu);
        }

        if (entries.Length != 0 && !owner.Leaving)
        {
            CpusChanged?.Invoke(owner.Name);
        }

        Remember(owner);
    }

    private void EndRemoval(KernelCpumapResource owner, CpumapEntryResource entry)
    {
        owner.Entries.Remove(entry.Cpu);
        owner.Changing.Remove(entry.Cpu);
        _statistics?.ForgetProgram(KeptBy(owner, entry.ProgramId), entry.Redirect?.MapId ?? 0);
        GiveSlot(entry.Slot);
        resources.Events.Add(
            EventKind.Deleted, "cpumap", owner.Name, $"CPU {entry.Cpu}: the entry is gone", ("cpu", $"{entry.Cpu}"));
    }

    private void Forget(KernelCpumapResource owner)
    {
        resources.Cpumaps.Remove(owner.Name);
        resources.Store.Drop(owner);
        _statistics?.Forget(owner.Kernel.Id);
        foreach (uint cpu in owner.Watched)
        {
            _threads!.Forget(owner.Kernel.Id, cpu);
        }

        owner.Kernel.Dispose();
        resources.Events.Add(EventKind.Deleted, "cpumap", owner.Name, "");
    }

    private void Watch(KernelCpumapResource owner, uint cpu)
    {
        _statistics?.Watch(owner.Kernel.Id, cpu);
        _threads!.Watch(owner.Kernel.Id, cpu);
        owner.Watched.Add(cpu);
    }

    // A program under a name may be run by several entries, and is watched while one does. 0 stands for none.
    private uint KeptBy(KernelCpumapResource owner, uint programId) =>
        All.SelectMany(cpumap => cpumap.Entries.Values.Concat(cpumap.Coming.Values))
            .Any(entry => entry.ProgramId == programId)
            ? 0
            : programId;

    // The keeper knows the change already; what it does not hear now it can find out from the map.
    private void Remember(KernelCpumapResource owner)
    {
        try
        {
            resources.Store.Put(owner);
        }
        catch (StoreException refusal)
        {
            resources.Events.Add(EventKind.Fault, "cpumap", owner.Name, $"the keeper: {refusal.Message}");
        }
    }

    private int TakeSlot()
    {
        int slot = resources.CpumapEntrySlots.Take();
        resources.Segment.CpumapEntry(slot) = default;
        return slot;
    }

    private void GiveSlot(int slot)
    {
        if (slot >= 0)
        {
            resources.Segment.CpumapEntry(slot) = default;
            resources.CpumapEntrySlots.Give(slot);
        }
    }
}
