namespace Nf.Linux;

/// <summary>The four rings of an AF_XDP socket.</summary>
public enum XdpRing
{
    /// <summary>To the kernel: chunks it may receive into.</summary>
    Fill,

    /// <summary>From the kernel: chunks whose transmission is over.</summary>
    Completion,

    /// <summary>From the kernel: received frames.</summary>
    Rx,

    /// <summary>To the kernel: frames to transmit.</summary>
    Tx,
}
