using Nf.Linux;

namespace Nf.DataPlane.Broker;

/// <summary>Memory of a client that a lease is on.</summary>
internal interface IClientMemory
{
    /// <summary>The memfd; stays the object's.</summary>
    FileDescriptor File { get; }

    /// <summary>Where the object begins in it, in bytes.</summary>
    long FileOffset { get; }

    /// <summary>Bytes of the object.</summary>
    ulong Bytes { get; }

    /// <summary>A lease uses it from now on.</summary>
    /// <param name="letGo">Called on the control thread when the client takes the memory away; returns when no more
    /// packets are received into it.</param>
    void AddUser(Action letGo);

    /// <summary>The lease is over.</summary>
    void RemoveUser(Action letGo);
}
