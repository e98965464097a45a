using Nf.DataPlane.UserMemories;
using Nf.Linux;

namespace Nf.DataPlane.Broker;

/// <summary>A lease's use of a memory object.</summary>
internal sealed class ClientMemory(UserMemory memory) : IClientMemory, IMemoryUser
{
    private Action? _letGo;

    public FileDescriptor File => memory.File!;

    public long FileOffset => (long)memory.FileOffset;

    public ulong Bytes => memory.Size;

    public void AddUser(Action letGo)
    {
        memory.AddUser(this);
        _letGo = letGo;
    }

    public void RemoveUser(Action letGo) => memory.RemoveUser(this);

    /// <summary>Ends the lease. Nothing is redirected into the memory any more when every program that was running has
    /// ended; until then its owner waits in munmap.</summary>
    public void LetGo(UserMemory taken)
    {
        _letGo?.Invoke();
        Linux.MemoryBarrier.TryWaitForGracePeriod();
    }
}
