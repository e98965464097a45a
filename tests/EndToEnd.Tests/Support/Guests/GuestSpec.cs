namespace Nf.EndToEnd.Tests.Support.Guests;

/// <summary>A virtual machine with one vhost-user interface.</summary>
/// <param name="Name">Names its files; unique in a test.</param>
/// <param name="Address">IPv4 address of eth0, without its prefix.</param>
/// <param name="SocketPath">The vhost-user socket.</param>
internal sealed record GuestSpec(string Name, string Address, string SocketPath)
{
    /// <summary>Whether it runs in the QEMU of the backports instead of the installed one.</summary>
    internal bool NewerQemu { get; init; }

    /// <summary>Whether the driver is offered packed rings.</summary>
    internal bool Packed { get; init; }

    /// <summary>Queue pairs.</summary>
    internal int QueuePairs { get; init; } = 1;

    /// <summary>Whether QEMU connects again when the connection has ended.</summary>
    internal bool Reconnects { get; init; }

    /// <summary>Whether QEMU listens on the socket instead of connecting to it.</summary>
    internal bool Listens { get; init; }

    /// <summary>Further properties of virtio-net-pci, such as <c>mrg_rxbuf=off</c>.</summary>
    internal string Properties { get; init; } = "";

    /// <summary>Where a migrating machine comes in, as QEMU's address; null for one that boots.</summary>
    internal string? Incoming { get; init; }

    /// <summary>MAC address of eth0: from the last byte of the address.</summary>
    internal string Mac => $"52:54:00:4e:46:{byte.Parse(Address.Split('.')[3], null):x2}";
}
