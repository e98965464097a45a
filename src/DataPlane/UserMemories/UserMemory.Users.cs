using Nf.Linux;

namespace Nf.DataPlane.UserMemories;

// Who works in the memory.
internal sealed partial class UserMemory
{
    private readonly List<IMemoryUser> _users = [];

    /// <summary>How many work in it.</summary>
    internal int UserCount => _users.Count;

    /// <summary>Whether a user could not be stopped when its owner took the memory away: it is tried again.</summary>
    internal bool MustLetGo { get; private set; }

    /// <summary>Somebody begins to work in the memory, and holds it.</summary>
    /// <param name="user">Whom to stop when its owner takes it away.</param>
    /// <param name="writes">Whether it may write. To the kernel every registration as packet memory does.</param>
    /// <exception cref="CommandFaultException">
    /// EAGAIN: the pages are not held. ENODEV: it would write to read-only memory.
    /// </exception>
    internal void AddUser(IMemoryUser user, bool writes = true)
    {
        if (writes && IsReadOnly)
        {
            throw UserMemoryRules.Fault(
                "READ_ONLY_MEMORY",
                "memory: READ_ONLY; AF_XDP pins its memory for writing, whatever it is used for",
                Errno.ENODEV);
        }

        if (State != UserMemoryState.Active || Client.IsInvalidating)
        {
            throw UserMemoryRules.Fault(
                "MEMORY_NOT_ACTIVE", $"memory: {State}; must be acquired first", Errno.EAGAIN);
        }

        TryAddReference();
        _users.Add(user);
        _isDirty |= writes;
    }

    /// <summary>Somebody has stopped working in the memory; nothing happens when it was not.</summary>
    internal void RemoveUser(IMemoryUser user)
    {
        if (_users.Remove(user))
        {
            Drop();
        }
    }

    // One after the other, the last first: what came later may stand on what came before.
    private Errno StopUsers()
    {
        while (_users.Count != 0)
        {
            IMemoryUser user = _users[^1];
            try
            {
                user.LetGo(this);
            }
            catch (LinuxException e)
            {
                return e.Errno;
            }

            RemoveUser(user);
        }

        return Errno.None;
    }
}
