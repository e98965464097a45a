using System.Collections.Concurrent;
using Nf.Linux;

namespace Nf.DataPlane.UserMemories;

/// <summary>All user memory: the clients, the threads that fetch pages, and what watches over both.</summary>
/// <remarks>The control thread's, which is also who disposes of it, after all tables.</remarks>
internal sealed class UserMemoryRegistry : IDisposable
{
    /// <summary>How long work must have waited for memory within two seconds before idle memory is given back.
    /// Arbitrary.</summary>
    private static readonly TimeSpan Stall = TimeSpan.FromMilliseconds(150);

    private readonly ClientRecords<object, UserMemoryClient> _clients = new();
    private readonly ConcurrentQueue<AcquireJob> _done = new();
    private readonly HashSet<object> _checking = [];
    private readonly MemoryPressure? _pressure;
    private volatile bool _over;

    /// <summary>A registry without clients.</summary>
    /// <param name="control">The thread it lives on.</param>
    /// <param name="limits">How much a client may have.</param>
    /// <param name="support">What the kernel has.</param>
    /// <param name="pressurePath">What tells of memory pressure; null for nothing.</param>
    internal UserMemoryRegistry(
        ControlThread control,
        UserMemoryLimits limits,
        UserMemorySupport support,
        string? pressurePath = MemoryPressure.MachinePath)
    {
        Control = control;
        Limits = limits;
        Support = support;
        Pool = new AcquirePool(limits.AcquireThreads);
        _pressure = pressurePath is null ? null : TryWatchPressure(pressurePath);
    }

    /// <summary>Called when an object changed its state; on the control thread, from within.</summary>
    internal event Action<UserMemory>? StateChanged;

    internal ControlThread Control { get; }

    internal UserMemoryLimits Limits { get; }

    internal UserMemorySupport Support { get; }

    internal AcquirePool Pool { get; }

    internal UserMemoryCounts Counts { get; } = new();

    /// <summary>Why memory pressure is not told of; empty when it is.</summary>
    internal string PressureRefusal { get; private set; } = "not asked for";

    /// <summary>Client processes there are.</summary>
    internal int ClientCount => _clients.Count;

    /// <summary>All objects.</summary>
    internal IEnumerable<UserMemory> Memories => _clients.ToArray().SelectMany(client => client.Objects);

    /// <summary>Gives back the pages of every object that nobody works in.</summary>
    /// <returns>How many objects that were.</returns>
    internal int ReleaseIdle()
    {
        int count = 0;
        foreach (UserMemory memory in Memories.ToArray())
        {
            if (memory is { State: UserMemoryState.Active, UserCount: 0 } && memory.Invalidate() == Errno.None)
            {
                count++;
            }
        }

        Counts.Reclaimed += (ulong)count;
        return count;
    }

    /// <summary>Looks after what nothing tells of: an address space that went by exec, a hole in a file, a user that
    /// could not be stopped. To be called about once a second.</summary>
    internal void Tick()
    {
        foreach (UserMemoryClient client in _clients.ToArray())
        {
            foreach (UserMemory memory in client.Objects.Where(memory => memory.IsHeld).ToArray())
            {
                bool isLost = memory.Mapping?.IsLost == true
                    || (memory is { UserCount: > 0, IsTracked: true } && memory.Mapping?.FindsHole() == true);
                if (isLost || memory.MustLetGo)
                {
                    memory.Invalidate();
                }
            }

            CheckSources(client);
        }
    }

    /// <summary>The record of a client process, with one more reference.</summary>
    /// <param name="peer">Who is connected.</param>
    /// <param name="process">A pidfd that came with the request, or null; stays the caller's.</param>
    /// <param name="connection">Stands for the client where nothing tells processes apart.</param>
    /// <exception cref="CommandFaultException">EINVAL: not a pidfd. EPERM: somebody else's.</exception>
    internal UserMemoryClient TakeClient(UserMemoryPeer peer, FileDescriptor? process, object connection)
    {
        PidFd? own = peer.Process ?? AdoptOwn(peer, process);
        object key = (object?)own?.Identity ?? connection;
        return _clients.Take(
            key,
            () =>
            {
                var client = new UserMemoryClient(
                    this, key, own is null ? null : PidFd.Adopt(own.Descriptor.Duplicate()));
                client.Start();
                return client;
            },
            loser => loser.End());
    }

    /// <summary>Gives a reference on a client back.</summary>
    internal void Forget(UserMemoryClient client)
    {
        if (_clients.Drop(client.Key, client))
        {
            client.End();
        }
    }

    /// <summary>Has a thread of the pool fetch pages.</summary>
    internal void Run(AcquireJob job) => Pool.Queue(job.Memory.Client, () =>
    {
        job.Run();
        if (_over)
        {
            job.Discard();
            job.Anchor?.Dispose();
            return;
        }

        _done.Enqueue(job);
        Control.Post(TakeDone);
    });

    /// <summary>Tells whoever listens of a new state.</summary>
    internal void Tell(UserMemory memory) => StateChanged?.Invoke(memory);

    /// <summary>Closes descriptors of a client where it can be waited for: closing them may take locks of the
    /// client's.</summary>
    internal void CloseLater(object owner, UserMemoryDescriptors descriptors)
    {
        if (!descriptors.IsEmpty)
        {
            Pool.Queue(owner, descriptors.Close);
        }
    }

    public void Dispose()
    {
        if (_pressure is not null)
        {
            Control.Unwatch(_pressure.Descriptor);
            _pressure.Dispose();
        }

        _over = true;
        Pool.Dispose();
        TakeDone();
    }

    private static PidFd? AdoptOwn(UserMemoryPeer peer, FileDescriptor? process)
    {
        if (process is null)
        {
            return null;
        }

        try
        {
            PidFd own = PidFd.Adopt(process);
            return own.Pid == peer.Pid
                ? own
                : throw UserMemoryRules.Fault(
                    "NOT_THE_PEER", $"pidfd: of process {own.Pid}, the peer is {peer.Pid}", Errno.EPERM);
        }
        catch (ArgumentException e)
        {
            throw UserMemoryRules.Fault("BAD_MEMORY", $"pidfd: {e.Message}", Errno.EINVAL);
        }
    }

    private void TakeDone()
    {
        while (_done.TryDequeue(out AcquireJob? job))
        {
            job.Memory.Publish(job);
        }
    }

    // An address space can go without a word: exec, while the connection stays open. Only a thread that may wait for
    // the client can find out.
    private void CheckSources(UserMemoryClient client)
    {
        UserMemory[] held =
        [
            .. client.Objects.Where(memory => memory is { State: UserMemoryState.Active, IsTracked: true }),
        ];
        if (held.Length == 0 || !_checking.Add(client))
        {
            return;
        }

        foreach (UserMemory memory in held)
        {
            memory.TryAddReference();
        }

        Pool.Queue(client, () =>
        {
            UserMemory[] lost = [.. held.Where(IsUnwatched)];
            Control.Post(() => TakeChecked(client, held, lost));
        });
    }

    private void TakeChecked(UserMemoryClient client, UserMemory[] held, UserMemory[] lost)
    {
        _checking.Remove(client);
        foreach (UserMemory memory in lost)
        {
            memory.Invalidate();
        }

        foreach (UserMemory memory in held)
        {
            memory.Drop();
        }
    }

    private static bool IsUnwatched(UserMemory memory) =>
        memory.Source!.CheckRegistered(memory.WatchStart, memory.PageBytes, memory.PageBytes)
            is Errno.ESRCH or Errno.ENOENT;

    private MemoryPressure? TryWatchPressure(string path)
    {
        try
        {
            MemoryPressure pressure = MemoryPressure.Watch(Stall, path);
            Control.Watch(pressure.Descriptor, () =>
            {
                pressure.Take();
                ReleaseIdle();
            });
            PressureRefusal = "";
            return pressure;
        }
        catch (LinuxException e)
        {
            PressureRefusal = e.Message;
            return null;
        }
    }
}
