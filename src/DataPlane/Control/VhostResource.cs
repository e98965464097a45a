using Nf.DataPlane.Ports;
using Nf.DataPlane.Vhost.Session;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>A vhost device as the control thread knows it: its ports, its socket, and the connection of now.</summary>
internal sealed class VhostResource : IPortGroup, IConnectable
{
    /// <summary>Version of what is stored of it.</summary>
    internal const uint StoredVersion = 1;

    internal VhostResource(
        VhostDevice asked, VhostShape shape, IReadOnlyList<int> slots, Worker worker, VhostRecords records)
    {
        Asked = asked;
        Shape = shape;
        Slots = slots;
        Worker = worker;
        Records = records;
        EnabledRings = new bool[RingCount];
        StartedRings = new bool[RingCount];
        State = shape.IsClient ? VhostState.Connecting : VhostState.Listening;
    }

    public string Type => "vhost_device";

    public string Name => Asked.Name;

    public IPortGroup Group => this;

    public IConnection? Connection { get; set; }

    public Worker Worker { get; set; }

    public uint? WorkerCpuAsked => Asked.Spec.HasWorkerCpu ? Asked.Spec.WorkerCpu : null;

    /// <summary>Name, spec and labels as they were asked for.</summary>
    internal VhostDevice Asked { get; }

    /// <summary>The spec with its defaults.</summary>
    internal VhostShape Shape { get; }

    /// <summary>Slots of its queue pairs in the segment.</summary>
    internal IReadOnlyList<int> Slots { get; }

    /// <summary>What survives the process.</summary>
    internal VhostRecords Records { get; }

    internal int RingCount => 2 * Shape.QueuePairs;

    /// <summary>One per queue pair, from its creation to its end.</summary>
    internal IReadOnlyList<VhostPort> VhostPorts { get; set; } = [];

    /// <summary>What it is to a session.</summary>
    internal VhostHost? Host { get; set; }

    /// <summary>Rings that the front-end enabled, by index.</summary>
    internal bool[] EnabledRings { get; }

    /// <summary>Rings that the worker serves, by index.</summary>
    internal bool[] StartedRings { get; }

    /// <summary>Where it listens; null for a client, and while it cannot listen.</summary>
    internal UnixStreamSocket? Listener { get; set; }

    /// <summary>Which file its socket is; for the end, so that nobody else's is removed.</summary>
    internal FileIdentity? SocketFile { get; set; }

    /// <summary>The connection of now.</summary>
    internal VhostSession? Session { get; set; }

    /// <summary>Who is at its other end.</summary>
    internal PeerCredentials Peer { get; set; }

    /// <summary>When it was made, in nanoseconds since 1970.</summary>
    internal long ConnectedUnixNs { get; set; }

    /// <summary>Connections since the device was created.</summary>
    internal ulong Connections { get; set; }

    /// <summary>Connections turned away because there was one.</summary>
    internal ulong RefusedConnections { get; set; }

    /// <summary>Why the last connection ended.</summary>
    internal string LastDisconnect { get; set; } = "";

    /// <summary>What its front-ends did wrong.</summary>
    internal VhostFaults Faults { get; } = new();

    internal VhostState State { get; set; }

    internal string StateReason { get; set; } = "";

    /// <summary>When to try again to connect or to listen, in CLOCK_MONOTONIC nanoseconds; 0 for not at all.</summary>
    internal long RetryNs { get; set; }

    /// <summary>Attempts in vain since the last success.</summary>
    internal int Attempts { get; set; }

    /// <summary>What the keeper holds of the connection.</summary>
    internal VhostStoredParts StoredParts { get; } = new();

    /// <summary>True once it is known by its name: nothing is told or stored of it before.</summary>
    internal bool IsListed { get; set; }

    /// <summary>Events that may be told now.</summary>
    internal double EventAllowance { get; set; }

    /// <summary>When that was worked out, in CLOCK_MONOTONIC nanoseconds.</summary>
    internal long EventsCountedNs { get; set; }

    /// <summary>Events that were not told since the last that was.</summary>
    internal ulong EventsWithheld { get; set; }

    /// <summary>What the configuration space says of the link; see <see cref="VhostStates.FollowLinks"/>.</summary>
    internal bool IsLinkUp { get; set; }

    /// <summary>Largest payload of a frame that the front-end asked for; 0 for none.</summary>
    internal ushort SessionMtu { get; set; }

    /// <summary>Largest payload of a frame to the guest; 0 when nobody said.</summary>
    internal ushort Mtu => SessionMtu != 0 ? SessionMtu : Shape.Mtu;

    public string WhyDown => State == VhostState.Started ? "" : StateReason.Length != 0 ? StateReason : $"{State}";

    public bool IsEnding => false;

    public IReadOnlyCollection<Port> Ports => VhostPorts;

    IReadOnlyList<Port?> IConnectable.Ports => VhostPorts;

    /// <summary>Pairs whose guest takes frames; all of them, which then drop and say why, when there is none.</summary>
    public IReadOnlyList<Port?> Targets
    {
        get
        {
            Port?[] taking = [.. VhostPorts.Where((_, pair) => StartedRings[2 * pair] && EnabledRings[2 * pair])];
            return taking.Length != 0 ? taking : VhostPorts;
        }
    }
}
