namespace Nf.SharedMemory.Store;

/// <summary>What a packet on the store socket says. The numbers are the wire's.</summary>
public enum StoreMessageType : ushort
{
    /// <summary>Life to keeper: started and warmed up, waiting for its turn. Metadata: u32 process id.</summary>
    Ready = 0x01,

    /// <summary>Life to keeper: keep these descriptors under this key, in place of what was there.</summary>
    Put = 0x02,

    /// <summary>Life to keeper: forget this key and close its descriptors.</summary>
    Drop = 0x03,

    /// <summary>Life to keeper: still here.</summary>
    Heartbeat = 0x04,

    /// <summary>Keeper to life: it is your turn; the store follows. Metadata: u64 generation.</summary>
    Activate = 0x81,

    /// <summary>Keeper to life: one entry of the store.</summary>
    Entry = 0x82,

    /// <summary>Keeper to life: that was the store. Metadata: u32 count of the entries sent.</summary>
    End = 0x83,

    /// <summary>Keeper to life: the request with this sequence was done.</summary>
    Ack = 0x84,

    /// <summary>Keeper to life: the request with this sequence was refused. Metadata: the reason, UTF-8.</summary>
    Nak = 0x85,

    /// <summary>Keeper to life: put things down and end with code 0.</summary>
    Shutdown = 0x86,
}
