namespace Nf.DataPlane.Vhost;

/// <summary>Kinds of what a front-end can do wrong.</summary>
internal enum VhostFaultKind
{
    /// <summary>A header or a payload of wrong form; the connection is lost.</summary>
    Framing = 0,

    /// <summary>Descriptors where none belong, or not as many as belong; the connection is lost.</summary>
    Descriptors = 1,

    /// <summary>A request nobody defined.</summary>
    UnknownRequest = 2,

    /// <summary>A request whose feature was not negotiated, or is not offered.</summary>
    NotNegotiated = 3,

    /// <summary>A value that breaks a rule.</summary>
    BadValue = 4,

    /// <summary>A request that does not fit what the device is doing.</summary>
    BadState = 5,

    /// <summary>Memory, a log or an inflight region that cannot be used.</summary>
    BadMemory = 6,

    /// <summary>The rest of a message did not come, or replies are not read; the connection is lost.</summary>
    Stalled = 7,

    /// <summary>A ring whose contents cannot be true; it is not touched any more.</summary>
    Ring = 8,

    /// <summary>Memory went away under a ring.</summary>
    MemoryLost = 9,
}
