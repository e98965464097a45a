namespace Nf.SharedMemory.Broker;

/// <summary>What a message of the broker socket says. An answer has the type of its request and
/// <see cref="BrokerProtocol.AnswerBit"/>; docs/broker.md has every byte.</summary>
public enum BrokerMessageType : ushort
{
    /// <summary>No message.</summary>
    None = 0,

    /// <summary>Client: who I am, with a token or without. The first message of a connection.</summary>
    Hello = 1,

    /// <summary>Client: lend me a socket on a queue.</summary>
    Lease = 2,

    /// <summary>Client: my memory is registered on the socket you sent (memory of kind OWN).</summary>
    Registered = 3,

    /// <summary>Client: I am done with a lease.</summary>
    Release = 4,

    /// <summary>Client: give me what an earlier connection had leased.</summary>
    TakeUp = 5,

    /// <summary>Client: are you there. Answers come in the order of requests, so it also finds out what was lost.
    /// </summary>
    Ping = 6,

    /// <summary>Client: make a memory object of a range of my address space.</summary>
    MemoryCreate = 16,

    /// <summary>Client: make its pages present and hold them.</summary>
    MemoryAcquire = 17,

    /// <summary>Client: let go of its pages.</summary>
    MemoryRelease = 18,

    /// <summary>Client: forget the object.</summary>
    MemoryClose = 19,

    /// <summary>Client: give me a descriptor of it for somebody else.</summary>
    MemoryExport = 20,

    /// <summary>Client: how does it stand.</summary>
    MemoryStatus = 21,

    /// <summary>Broker, unasked: a lease is in another state.</summary>
    LeaseState = 256,

    /// <summary>Broker, unasked: a memory object is in another state.</summary>
    MemoryState = 257,

    /// <summary>Broker, unasked: another life of the data plane serves this connection from here on.</summary>
    Life = 258,
}
