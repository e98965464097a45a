namespace Nf.Linux;

/// <summary>Where an XDP program is attached (XDP_ATTACHED_… of linux/if_link.h).</summary>
public enum XdpAttached
{
    None = 0,
    Native = 1,
    Generic = 2,
    Hardware = 3,

    /// <summary>In more than one of the places.</summary>
    Multiple = 4,
}

/// <summary>A network interface as the kernel reports it.</summary>
public sealed record LinkInfo
{
    /// <summary>Number within its network namespace.</summary>
    public required int Ifindex { get; init; }

    /// <summary>Name within its network namespace.</summary>
    public required string Name { get; init; }

    /// <summary>Kind of virtual device, such as <c>veth</c>; empty for hardware.</summary>
    public string Kind { get; init; } = "";

    /// <summary>Largest packet in bytes, without the Ethernet header.</summary>
    public int MtuBytes { get; init; }

    /// <summary>IFF_… of linux/if.h.</summary>
    public uint Flags { get; init; }

    /// <summary>Whether the administrator wants it up.</summary>
    public bool IsUp => (Flags & Libc.IFF_UP) != 0;

    /// <summary>Whether it is able to pass traffic.</summary>
    public bool IsRunning => (Flags & Libc.IFF_RUNNING) != 0;

    /// <summary>Whether the layer below it is up.</summary>
    public bool IsLowerUp => (Flags & Libc.IFF_LOWER_UP) != 0;

    /// <summary>Whether a carrier is seen.</summary>
    public bool HasCarrier { get; init; }

    /// <summary>Receive queues it was created with; how many are in use is a matter of ethtool channels.</summary>
    public int RxQueueCount { get; init; }

    /// <summary>Transmit queues it was created with.</summary>
    public int TxQueueCount { get; init; }

    /// <summary>The interface it is linked to, such as the other end of a veth pair; null for none.</summary>
    public int? PeerIfindex { get; init; }

    /// <summary>The namespace of <see cref="PeerIfindex"/> as a number in this one; null when it is the same.</summary>
    public int? PeerNetnsId { get; init; }

    /// <summary>Where an XDP program is attached.</summary>
    public XdpAttached XdpAttached { get; init; }

    /// <summary>The attached program; 0 for none. With <see cref="XdpAttached.Multiple"/> the native one.</summary>
    public uint XdpProgramId { get; init; }

    /// <summary>Link-layer address in hexadecimal with colons; empty for none.</summary>
    public string Address { get; init; } = "";
}
