namespace Nf.DataPlane.Vhost.Session;

/// <summary>What the configuration space of a net device says (virtio 1.3, 5.1.4).</summary>
/// <param name="Mac">Six bytes, first byte of the address lowest; 0 when the front-end chooses.</param>
/// <param name="LinkUp">Whether the link is up.</param>
/// <param name="QueuePairsMax">Queue pairs that the device has.</param>
/// <param name="Mtu">Bytes; 0 when it is not told.</param>
internal readonly record struct VhostConfig(ulong Mac, bool LinkUp, ushort QueuePairsMax, ushort Mtu);
