using Nf.Linux;

namespace Nf.DataPlane.UserMemories;

/// <summary>One attempt to fetch the pages of a user memory, on a thread of the pool.</summary>
/// <remarks>Writes nothing that others read before it is done, except that it looks whether it was cancelled. It holds
/// a reference on the memory, so that file and client stay.</remarks>
internal sealed class AcquireJob(UserMemory memory, UserMapping? anchor)
{
    // How often, and how long apart, to ask again whether a range is watched that is changing. Arbitrary; the control
    // thread takes the message in between, and cancels this.
    private const int ChangingLooks = 500;
    private const int ChangingPauseMs = 2;

    private readonly object _gate = new();
    private readonly Userfaultfd? _source = memory.IsTracked ? memory.Source : null;

    private volatile bool _isCancelled;

    /// <summary>Whose pages.</summary>
    internal UserMemory Memory { get; } = memory;

    /// <summary>Why it failed; None when it did not.</summary>
    internal Errno Errno { get; private set; }

    /// <summary>What was mapped; null without success, and for memory that only its owner can map.</summary>
    internal UserMapping? Mapping { get; private set; }

    /// <summary>A mapping that must be kept, because seals forbid to make another one.</summary>
    internal UserMapping? Anchor { get; private set; }

    /// <summary>Has it end early. Its result will be thrown away.</summary>
    internal void Cancel()
    {
        lock (_gate)
        {
            _isCancelled = true;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Fetches. Never throws.</summary>
    internal void Run()
    {
        try
        {
            Errno = Fetch();
        }
        catch (LinuxException e)
        {
            Errno = e.Errno;
        }

        if (Errno != Errno.None)
        {
            Discard();
        }
    }

    /// <summary>Does without the thread what needs no fetching.</summary>
    /// <returns>False when a page is missing: nothing is held, and the job is for the pool.</returns>
    internal bool TryAtOnce()
    {
        UserMapping? mapping = null;
        if (Memory.File is null || Memory.Limits.SealsAgainstHoles)
        {
            return false;
        }

        try
        {
            if (_source is not null && Ask(_source) != Errno.None)
            {
                return false;
            }

            mapping = Map();
            if (mapping.IsResident && mapping.Populate(() => false))
            {
                Mapping = mapping;
                return true;
            }
        }
        catch (LinuxException)
        {
            // Whatever it is, the pool will meet it again and tell.
        }

        mapping?.Dispose();
        return false;
    }

    /// <summary>Gives back what it fetched, but not the anchor.</summary>
    internal void Discard()
    {
        Mapping?.Dispose();
        Mapping = null;
    }

    private Errno Fetch()
    {
        // The seed: an address space that is gone is EFAULT.
        if (Memory.Client.HasExited)
        {
            return Errno.EFAULT;
        }

        Errno watched = CheckWatched();
        if (watched != Errno.None)
        {
            return watched is Errno.ESRCH or Errno.ENOENT ? Errno.EFAULT : watched;
        }

        if (Memory.File is null || _isCancelled)
        {
            return Errno.None;
        }

        Mapping = Map();
        if (Mapping.PageBytes == Environment.SystemPageSize)
        {
            MemoryBudget.Require(Mapping.MissingPages * Environment.SystemPageSize);
        }

        return Mapping.Populate(() => _isCancelled) ? Errno.None : Errno.ECANCELED;
    }

    private Errno CheckWatched()
    {
        if (_source is null)
        {
            return Errno.None;
        }

        for (int look = 0; look < ChangingLooks && !_isCancelled; look++)
        {
            Errno errno = Ask(_source);
            if (errno != Errno.EAGAIN)
            {
                return errno;
            }

            Pause();
        }

        return Errno.EFAULT;
    }

    private void Pause()
    {
        lock (_gate)
        {
            if (!_isCancelled)
            {
                Monitor.Wait(_gate, ChangingPauseMs);
            }
        }
    }

    private Errno Ask(Userfaultfd source) => source.CheckRegistered(
        Memory.WatchStart, Memory.WatchEnd - Memory.WatchStart, Memory.PageBytes);

    private UserMapping Map()
    {
        if (anchor is not null)
        {
            return anchor.Duplicate(Memory.FileOffset);
        }

        UserMapping mapping = UserMapping.Map(Memory.File!, Memory.FileOffset, Memory.Size, Memory.Access);
        if (!Memory.Limits.SealsAgainstHoles)
        {
            return mapping;
        }

        try
        {
            // Mapped first: afterwards nobody maps it for writing any more, which is why one mapping is kept.
            Anchor = mapping.Duplicate(Memory.FileOffset);
            MemFile.AddSeals(Memory.File!, MemFileSeals.FutureWrite);
            return mapping;
        }
        catch
        {
            mapping.Dispose();
            throw;
        }
    }
}
