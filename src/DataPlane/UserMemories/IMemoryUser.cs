namespace Nf.DataPlane.UserMemories;

/// <summary>Something that works in a user's memory: a socket, a queue.</summary>
internal interface IMemoryUser
{
    /// <summary>
    /// Stops using the memory, for good: quiesce, unbind, and wait until the device is out of it (a barrier). On the
    /// control thread, and while the owner of the memory waits in munmap: returns as soon as the last access is over,
    /// without throwing for anything that has ended already.
    /// </summary>
    /// <param name="memory">The memory; this user is taken off its list by the caller.</param>
    /// <exception cref="Nf.Linux.LinuxException">The device cannot be stopped; the pages stay until it can.</exception>
    void LetGo(UserMemory memory);
}
