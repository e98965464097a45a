using Nf.Linux;

namespace Nf.DataPlane.UserMemories;

// Fetching the pages, and giving them back.
internal sealed partial class UserMemory
{
    private readonly List<Action<UserMemory>> _waiters = [];
    private UserMapping? _anchor;
    private AcquireJob? _job;
    private bool _isDirty;
    private Errno _failure;

    /// <summary>Where it stands.</summary>
    internal UserMemoryState State { get; private set; }

    /// <summary>Why its pages could not be fetched; stays until <see cref="Release"/>. None when they could.</summary>
    internal Errno Failure => _failure;

    /// <summary>Whether its pages are held, or being fetched.</summary>
    internal bool IsHeld => State is UserMemoryState.Acquiring or UserMemoryState.Active;

    /// <summary>The pages, mapped here; null unless active, and for memory that only its owner can map.</summary>
    internal UserMapping? Mapping { get; private set; }

    /// <summary>Has its pages fetched, unless they are there.</summary>
    /// <returns>Active, or that they are being fetched (EAGAIN), or what keeps them from it.</returns>
    internal AcquireAnswer Acquire()
    {
        if (_failure == Errno.None && (Client.HasExited || _source?.IsLost == true))
        {
            // What held it is gone or will be told of in a moment.
            return Fail(Errno.EFAULT);
        }

        if (_failure != Errno.None)
        {
            return new AcquireAnswer(_failure);
        }

        return State switch
        {
            UserMemoryState.Active => new AcquireAnswer(Errno.None),
            UserMemoryState.Acquiring => new AcquireAnswer(Errno.EAGAIN),

            // Or an invalidation would never come to its end.
            _ when Client.IsInvalidating => new AcquireAnswer(Errno.EAGAIN),
            _ when Size > Limits.ClientBytesMax - Math.Min(Limits.ClientBytesMax, Client.ActiveBytes) =>
                Fail(Errno.ENOBUFS),
            _ => Fetch(),
        };
    }

    /// <summary>Calls something once it is no longer being fetched: with success, without, or because it was taken
    /// away meanwhile. At once when it is not being fetched. On the control thread.</summary>
    internal void WhenAcquired(Action<UserMemory> then)
    {
        if (State == UserMemoryState.Acquiring)
        {
            _waiters.Add(then);
        }
        else
        {
            then(this);
        }
    }

    /// <summary>Gives the pages back and forgets a failure. A fetch under way is cancelled.</summary>
    /// <exception cref="CommandFaultException">EBUSY: somebody works in the memory.</exception>
    internal void Release()
    {
        if (_users.Count != 0)
        {
            throw UserMemoryRules.Fault("MEMORY_IN_USE", $"{_users.Count} users work in the memory", Errno.EBUSY);
        }

        _failure = Errno.None;
        PutPages(UserMemoryState.Registered);
    }

    /// <summary>Its owner takes it away: stops the users and gives the pages back. The handle lives on.</summary>
    /// <returns>None, or what a user said that cannot be stopped: then the pages stay for now.</returns>
    internal Errno Invalidate()
    {
        if (!IsHeld)
        {
            return Errno.None;
        }

        Errno errno = StopUsers();
        MustLetGo = errno != Errno.None;
        if (MustLetGo)
        {
            Registry.Counts.LetGoFailed++;
            return errno;
        }

        Registry.Counts.Invalidated++;
        PutPages(UserMemoryState.Invalidated);
        return Errno.None;
    }

    /// <summary>Takes what a thread of the pool fetched; on the control thread.</summary>
    internal void Publish(AcquireJob job)
    {
        // Needed even when the rest is not: no other can be made.
        if (_anchor is null)
        {
            _anchor = job.Anchor;
        }
        else
        {
            job.Anchor?.Dispose();
        }

        if (!ReferenceEquals(job, _job))
        {
            // Cancelled, or superseded by a later attempt.
            job.Discard();
            Registry.Counts.Discarded++;
        }
        else if (job.Errno != Errno.None)
        {
            _job = null;
            Registry.Counts.Failed++;
            Fail(job.Errno);
        }
        else
        {
            _job = null;
            Activate(job);
        }

        Drop();
    }

    private AcquireAnswer Fail(Errno errno)
    {
        _failure = errno;
        if (_users.Count == 0)
        {
            PutPages(UserMemoryState.Registered);
        }

        return new AcquireAnswer(errno);
    }

    private AcquireAnswer Fetch()
    {
        var job = new AcquireJob(this, _anchor);
        SetHeld(true);
        if (Client.IsSelf && Size <= Limits.AtOnceBytesMax && job.TryAtOnce())
        {
            Activate(job);
            return new AcquireAnswer(Errno.None);
        }

        // The job holds the object until its result was taken.
        TryAddReference();
        _job = job;
        Enter(UserMemoryState.Acquiring);
        Registry.Run(job);
        return new AcquireAnswer(Errno.EAGAIN);
    }

    private void Activate(AcquireJob job)
    {
        Mapping = job.Mapping;
        Registry.Counts.Acquired++;
        Enter(UserMemoryState.Active);
        Tell();
    }

    private void PutPages(UserMemoryState state)
    {
        _job?.Cancel();
        _job = null;
        bool wasHeld = IsHeld;
        if (wasHeld)
        {
            SetHeld(false);
        }

        if (_isDirty)
        {
            Registry.Counts.DirtiedBytes += Size;
            _isDirty = false;
        }

        // The kernel carries over from the mapping which pages were written to; those of a read-only one never were.
        Mapping?.Dispose();
        Mapping = null;
        MustLetGo = false;
        if (wasHeld || State != state)
        {
            Enter(state);
        }

        Tell();
    }

    private void SetHeld(bool isHeld)
    {
        if (IsTracked)
        {
            Client.SetActive(_node, isHeld);
        }

        // Unsigned, and meant to wrap back.
        ulong change = isHeld ? Size : unchecked(0 - Size);
        Client.ActiveBytes = unchecked(Client.ActiveBytes + change);
        Registry.Counts.ActiveBytes = unchecked(Registry.Counts.ActiveBytes + change);
    }

    private void Enter(UserMemoryState state)
    {
        State = state;
        Registry.Tell(this);
    }

    private void Tell()
    {
        Action<UserMemory>[] waiters = [.. _waiters];
        _waiters.Clear();
        foreach (Action<UserMemory> waiter in waiters)
        {
            waiter(this);
        }
    }
}
