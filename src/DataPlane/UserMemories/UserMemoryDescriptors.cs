using Nf.Linux;

namespace Nf.DataPlane.UserMemories;

/// <summary>The descriptors that came with a request, by their roles. Whoever is given one owns what is in
/// it.</summary>
internal sealed class UserMemoryDescriptors
{
    /// <summary>The file behind the memory (design A); null for memory that only its owner can map (design B).
    /// </summary>
    internal FileDescriptor? File { get; set; }

    /// <summary>A userfaultfd of the client, registered for the range.</summary>
    internal FileDescriptor? Userfault { get; set; }

    /// <summary>The client itself, where the kernel does not say by SO_PEERPIDFD.</summary>
    internal FileDescriptor? Process { get; set; }

    /// <summary>Whether there is none.</summary>
    internal bool IsEmpty => File is null && Userfault is null && Process is null;

    /// <summary>Closes what is left; where closing waits for a peer, on the thread that can wait.</summary>
    internal void Close()
    {
        File?.Dispose();
        Userfault?.Dispose();
        Process?.Dispose();
    }
}
