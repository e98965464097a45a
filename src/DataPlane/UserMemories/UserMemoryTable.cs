using Nf.Linux;

namespace Nf.DataPlane.UserMemories;

/// <summary>The handles of one connection: small numbers for user memory, the lowest free one first.</summary>
internal sealed class UserMemoryTable : IDisposable
{
    private readonly Dictionary<uint, UserMemory> _memories = [];
    private readonly SortedSet<uint> _free = [];
    private readonly UserMemoryRegistry _registry;
    private readonly UserMemoryPeer _peer;
    private uint _highest;

    /// <summary>An empty table.</summary>
    /// <param name="registry">Where the clients are.</param>
    /// <param name="peer">Who is at the other end.</param>
    internal UserMemoryTable(UserMemoryRegistry registry, UserMemoryPeer peer)
    {
        _registry = registry;
        _peer = peer;
    }

    /// <summary>Handles there are.</summary>
    internal int Count => _memories.Count;

    /// <summary>Makes an object of a client's memory, without touching it.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="descriptors">What came with it; taken over, and closed when the request is refused.</param>
    /// <returns>Its handle.</returns>
    /// <exception cref="CommandFaultException">The first rule that it breaks, in the order of the seed.</exception>
    internal uint Create(in UserMemoryRequest request, UserMemoryDescriptors descriptors)
    {
        UserMemoryClient? client = null;
        bool isTaken = false;
        try
        {
            UserMemoryRules.Check(request, descriptors.File, _registry.Limits, _registry.Support);
            client = _registry.TakeClient(_peer, descriptors.Process, this);
            Userfaultfd? source = UserMemoryRules.CheckTracking(
                request, descriptors.Userfault, _peer.IsPrivileged, _registry.Support);
            if (_memories.Count >= _registry.Limits.HandlesMax
                || client.Objects.Count >= _registry.Limits.ClientObjectsMax)
            {
                throw UserMemoryRules.Fault(
                    "TOO_MANY_MEMORIES",
                    $"handles: {_memories.Count} of {_registry.Limits.HandlesMax}, of the process: "
                    + $"{client.Objects.Count} of {_registry.Limits.ClientObjectsMax}",
                    Errno.EMFILE);
            }

            var memory = new UserMemory(client, request, descriptors.File, source);
            isTaken = true;
            descriptors.File = null;
            descriptors.Userfault = null;
            _registry.Counts.Created++;
            return Insert(memory);
        }
        catch (LinuxException e)
        {
            throw CommandFaultException.From("NO_USER_MEMORY", "user memory", e);
        }
        finally
        {
            _registry.CloseLater(client ?? (object)this, descriptors);
            if (!isTaken && client is not null)
            {
                _registry.Forget(client);
            }
        }
    }

    /// <summary>The object behind a handle.</summary>
    /// <exception cref="CommandFaultException">ENOENT: there is none.</exception>
    internal UserMemory Find(uint handle) => _memories.TryGetValue(handle, out UserMemory? memory)
        ? memory
        : throw UserMemoryRules.Fault("NO_SUCH_MEMORY", $"handle: {handle}; there is none", Errno.ENOENT);

    /// <summary>Gives a handle back. Whoever works in the memory goes on; with the last of them it ends.</summary>
    /// <exception cref="CommandFaultException">ENOENT: there is none.</exception>
    internal void Close(uint handle)
    {
        UserMemory memory = Find(handle);
        _memories.Remove(handle);
        _free.Add(handle);
        memory.Drop();
    }

    /// <summary>The connection is over: gives all handles back.</summary>
    public void Dispose()
    {
        foreach (uint handle in _memories.Keys.ToArray())
        {
            Close(handle);
        }
    }

    private uint Insert(UserMemory memory)
    {
        uint handle = _free.Count != 0 ? _free.Min : ++_highest;
        _free.Remove(handle);
        _memories.Add(handle, memory);
        return handle;
    }
}
