using Nf.Linux;
using Nf.SharedMemory.Broker;

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

/// <summary>The memory objects of all connections.</summary>
internal interface IClientMemories
{
    /// <summary>The active object of a handle.</summary>
    /// <exception cref="CommandFaultException">ENOENT; EAGAIN while it is being acquired; its failure.</exception>
    IClientMemory Find(BrokerConnection owner, uint handle);

    /// <summary>Carries out a request of the MEMORY_… kind and answers it, now or later.</summary>
    /// <param name="owner">Who asked.</param>
    /// <param name="message">In good form.</param>
    /// <param name="descriptors">What came with it; what is not taken out is closed.</param>
    /// <exception cref="CommandFaultException">Why it is refused.</exception>
    void Execute(BrokerConnection owner, in BrokerMessage message, List<FileDescriptor> descriptors);

    /// <summary>A connection is over, and its handles with it.</summary>
    void Closed(BrokerConnection owner);
}

/// <summary>A data plane without memory objects.</summary>
internal sealed class NoClientMemories : IClientMemories
{
    public IClientMemory Find(BrokerConnection owner, uint handle) => throw Unsupported();

    public void Execute(BrokerConnection owner, in BrokerMessage message, List<FileDescriptor> descriptors) =>
        throw Unsupported();

    public void Closed(BrokerConnection owner)
    {
    }

    private static CommandFaultException Unsupported() => new(
        "MEMORY_UNSUPPORTED",
        "this data plane has no memory objects: lease with memory of kind SERVICE or OWN",
        Errno.EOPNOTSUPP);
}
