using Nf.Linux;

namespace Nf.DataPlane.UserMemories;

/// <summary>A client process: its objects, and which ranges of its address space are in use. Shared by all its
/// connections (the seed: i915_mm_struct and its notifier).</summary>
internal sealed class UserMemoryClient : Counted
{
    /// <summary>Objects that one invalidation lets go of at most: only somebody who adds ranges all the time, past the
    /// refusal to acquire meanwhile, gets there. Arbitrary, above any count of objects.</summary>
    internal const int RestartsMax = 1 << 16;

    private readonly IntervalTree<UserMemory> _active = new();
    private readonly List<UserMemory> _objects = [];
    private readonly PidFd? _process;
    private int _invalidations;
    private bool _isGone;

    /// <summary>A client.</summary>
    /// <param name="registry">Whose.</param>
    /// <param name="key">What tells it apart.</param>
    /// <param name="process">Its own copy of the pidfd, or null where the kernel has none: the end of its connection
    /// tells instead.</param>
    internal UserMemoryClient(UserMemoryRegistry registry, object key, PidFd? process)
    {
        Registry = registry;
        Key = key;
        _process = process;
        IsSelf = process?.Pid == Environment.ProcessId;
    }

    internal UserMemoryRegistry Registry { get; }

    /// <summary>What tells it apart.</summary>
    internal object Key { get; }

    /// <summary>Whether it is this process.</summary>
    internal bool IsSelf { get; }

    /// <summary>Its objects.</summary>
    internal IReadOnlyList<UserMemory> Objects => _objects;

    /// <summary>Ranges in use.</summary>
    internal int ActiveCount => _active.Count;

    /// <summary>Bytes in use.</summary>
    internal ulong ActiveBytes { get; set; }

    /// <summary>Whether something is being let go of: nobody acquires meanwhile.</summary>
    internal bool IsInvalidating => _invalidations != 0;

    /// <summary>Whether its process, or the address space its objects are in, is gone. Any thread.</summary>
    internal bool HasExited => Volatile.Read(ref _isGone) || _process?.HasExited == true;

    /// <summary>Watches for the end of the process.</summary>
    internal void Start()
    {
        if (_process is not null)
        {
            Registry.Control.Watch(_process.Descriptor, Gone);
        }
    }

    internal void Add(UserMemory memory) => _objects.Add(memory);

    internal void Remove(UserMemory memory) => _objects.Remove(memory);

    /// <summary>Notes that a range is in use, or not any more; either may be told twice.</summary>
    internal void SetActive(IntervalTree<UserMemory>.Node node, bool isActive)
    {
        if (isActive)
        {
            _active.Insert(node);
        }
        else
        {
            _active.Remove(node);
        }
    }

    /// <summary>Lets go of whatever is in use of a range, before its owner takes it away.</summary>
    /// <param name="start">First byte.</param>
    /// <param name="end">First byte behind it.</param>
    /// <param name="mayWait">Whether devices may be waited for.</param>
    /// <returns>
    /// None when nothing of it is in use any more; EAGAIN when something is and there may be no waiting; what a user
    /// that could not be stopped said; ELOOP when there is always more.
    /// </returns>
    internal Errno Invalidate(ulong start, ulong end, bool mayWait = true)
    {
        if (_active.IsEmpty || end <= start)
        {
            return Errno.None;
        }

        // Ranges here end with their last byte, the range of an invalidation before its end.
        ulong last = end - 1;
        _invalidations++;
        try
        {
            // From the start again after each: while users let go, others may have come and gone.
            for (int restart = 0; TryHoldFirst(start, last) is { } memory; restart++)
            {
                Errno errno = !mayWait ? Errno.EAGAIN : restart == RestartsMax ? Errno.ELOOP : memory.Invalidate();
                memory.Drop();
                if (errno != Errno.None)
                {
                    return errno;
                }
            }

            return Errno.None;
        }
        finally
        {
            _invalidations--;
        }
    }

    /// <summary>Lets go of everything: the process or its address space is gone.</summary>
    internal void Gone()
    {
        if (_isGone)
        {
            return;
        }

        Volatile.Write(ref _isGone, true);
        Unwatch();
        _invalidations++;
        foreach (UserMemory memory in _objects.ToArray().Where(memory => memory.TryAddReference()))
        {
            // Those that are not tracked as well.
            memory.Invalidate();
            memory.Drop();
        }

        _invalidations--;
    }

    /// <summary>Whether other objects of this client are watched by a source that has something to tell.</summary>
    internal void InvalidateChanging(UserMemory except)
    {
        // Two descriptors of one userfaultfd are both readable; whoever takes the message lets the client go on, so
        // everybody concerned must have let go before.
        foreach (UserMemory other in _objects.ToArray())
        {
            if (!ReferenceEquals(other, except) && other.IsHeld && other.Source is { } source
                && (source.Poll() & EpollEvents.In) != 0)
            {
                Invalidate(other.Address, other.Address + other.Size);
            }
        }
    }

    /// <summary>The last reference is gone.</summary>
    internal void End()
    {
        if (!_isGone)
        {
            Unwatch();
        }

        // In a later round: this one may still have an event of it in hand.
        Registry.Control.Post(() => _process?.Dispose());
    }

    private void Unwatch()
    {
        if (_process is not null)
        {
            Registry.Control.Unwatch(_process.Descriptor);
        }
    }

    // What is being destroyed already is nobody's any more, and skipped.
    private UserMemory? TryHoldFirst(ulong start, ulong last)
    {
        IntervalTree<UserMemory>.Node? node = _active.First(start, last);
        while (node is not null && !node.Value.TryAddReference())
        {
            node = _active.First(start, last, node);
        }

        return node?.Value;
    }
}
