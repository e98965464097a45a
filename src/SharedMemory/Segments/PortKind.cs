namespace Nf.SharedMemory.Segments;

/// <summary>What stands behind a port.</summary>
public enum PortKind
{
    /// <summary>An AF_XDP socket.</summary>
    Xsk = 0,

    /// <summary>A queue pair of a vhost device.</summary>
    Vhost = 1,
}
