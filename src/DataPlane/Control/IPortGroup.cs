using Nf.DataPlane.Ports;

namespace Nf.DataPlane.Control;

/// <summary>Ports that one worker polls: those of a UMEM's sockets, or the queue pairs of a vhost device.</summary>
internal interface IPortGroup
{
    /// <summary>Who polls them. Set by <see cref="Gathering"/> only.</summary>
    Worker Worker { get; set; }

    /// <summary>The CPU that its spec asks for; null when any will do.</summary>
    uint? WorkerCpuAsked { get; }

    /// <summary>Its ports that a worker polls now.</summary>
    IReadOnlyCollection<Port> Ports { get; }
}
