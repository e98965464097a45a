using Nf.Linux;

namespace Nf.DataPlane.UserMemories;

/// <summary>Listens to the userfaultfd of one object: lets go first, and only then takes the message, which is what the
/// client waits for in munmap.</summary>
internal sealed class InvalidationSource(UserMemory memory, Userfaultfd userfault)
{
    /// <summary>Messages taken in one turn, so that no client keeps the control thread to itself. Arbitrary.</summary>
    private const int MessagesPerTurn = 16;

    private bool _isWatched;

    /// <summary>The userfaultfd.</summary>
    internal Userfaultfd Userfault => userfault;

    /// <summary>Whether it can still tell anything.</summary>
    internal bool IsLost { get; private set; }

    private UserMemoryRegistry Registry => memory.Client.Registry;

    /// <summary>Listens, from the creation of the object on: a client waits for its message to be taken whether the
    /// object is in use or not.</summary>
    internal void Start()
    {
        Registry.Control.Watch(userfault.Descriptor, OnReadable);
        _isWatched = true;
    }

    /// <summary>Listens no longer, and has the range of the object watched no longer, but for what other objects of
    /// the client have of it. Whoever waits goes on.</summary>
    internal void End()
    {
        Unwatch();
        (ulong Start, ulong End)[] parts = [.. PartsOfNobodyElse()];
        Registry.Pool.Queue(memory.Client, () => Close(parts));
    }

    private void OnReadable()
    {
        // Whatever it is that changes: users are out before its owner goes on.
        memory.Client.Invalidate(memory.Address, memory.Address + memory.Size);
        memory.Client.InvalidateChanging(memory);
        if (!_isWatched)
        {
            // Somebody who let go closed this object.
            return;
        }

        try
        {
            if ((userfault.Poll() & EpollEvents.Error) != 0)
            {
                // Somebody who shares it made it blocking, and so keeps it from being waited for.
                userfault.Descriptor.SetNonBlocking(true);
            }

            for (int i = 0; _isWatched && i < MessagesPerTurn && userfault.TryRead(out UserfaultMessage message); i++)
            {
                Take(message);
            }
        }
        catch (LinuxException)
        {
            // As when this process may open nothing more for a fork to be told: nothing can be told any more.
            IsLost = true;
            Unwatch();
        }
    }

    private void Take(UserfaultMessage message)
    {
        switch (message.Event)
        {
            case UserfaultEvent.Unmap or UserfaultEvent.Remove or UserfaultEvent.Remap:
                ulong before = Registry.Counts.Invalidated;
                memory.Client.Invalidate(message.Start, message.End);
                Registry.Counts.InvalidatedLate += Registry.Counts.Invalidated - before;
                break;
            case UserfaultEvent.Fork:
                // The child's memory is none of ours.
                FileDescriptor child = Userfaultfd.TakeChild(message);
                Registry.Pool.Queue(memory.Client, child.Dispose);
                break;
            case UserfaultEvent.PageFault:
                // Before the descriptor is closed: work for one client is done in order.
                Registry.Pool.Queue(memory.Client, () => userfault.Answer(message));
                break;
            default:
                break;
        }
    }

    private void Close((ulong Start, ulong End)[] parts)
    {
        foreach ((ulong start, ulong end) in parts)
        {
            userfault.Unregister(start, end - start);
        }

        try
        {
            while (userfault.TryRead(out UserfaultMessage message))
            {
                if (message.Event == UserfaultEvent.Fork)
                {
                    Userfaultfd.TakeChild(message).Dispose();
                }
                else if (message.Event == UserfaultEvent.PageFault)
                {
                    userfault.Answer(message);
                }
            }
        }
        catch (LinuxException)
        {
            // Broken by whoever shares it, who then waits for himself.
        }

        userfault.Dispose();
    }

    private void Unwatch()
    {
        if (_isWatched)
        {
            _isWatched = false;
            Registry.Control.Unwatch(userfault.Descriptor);
        }
    }

    private IEnumerable<(ulong Start, ulong End)> PartsOfNobodyElse()
    {
        ulong at = memory.WatchStart;
        ulong end = memory.WatchEnd;
        foreach (UserMemory other in memory.Client.Objects
            .Where(other => !ReferenceEquals(other, memory) && other.Source is not null)
            .OrderBy(other => other.Address))
        {
            if (other.WatchEnd <= at || other.WatchStart >= end)
            {
                continue;
            }

            if (other.WatchStart > at)
            {
                yield return (at, other.WatchStart);
            }

            at = Math.Max(at, other.WatchEnd);
        }

        if (at < end)
        {
            yield return (at, end);
        }
    }
}
