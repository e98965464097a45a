using Nf.DataPlane.Vhost.Rings;
using Nf.Linux;

namespace Nf.DataPlane.Vhost.Session;

/// <summary>What a <see cref="VhostSession"/> asks of the device it belongs to. Called on the control thread
/// only.</summary>
/// <remarks>
/// Whatever concerns a ring returns after the worker has taken it over: the answer to the front-end is sent next, and
/// the front-end acts on it.
/// </remarks>
internal unsafe interface IVhostHost
{
    /// <summary>Rings: twice the queue pairs.</summary>
    int RingCount { get; }

    /// <summary>Feature bits offered, PROTOCOL_FEATURES and LOG_ALL among them.</summary>
    ulong OfferedFeatures { get; }

    /// <summary>What the configuration space says at the moment.</summary>
    VhostConfig Config { get; }

    /// <summary>Most descriptors a ring may have; 32768 at most.</summary>
    uint QueueSizeMax { get; }

    /// <summary>State of the connection that survives the process.</summary>
    SessionRecord* SessionRecord { get; }

    /// <summary>State of a ring that survives the process.</summary>
    VringRecord* Record(int ring);

    /// <summary>Hands a ring to the worker, which looks at it once even without a kick.</summary>
    /// <param name="ring">Its index.</param>
    /// <param name="setup">What it runs on; stays valid until <see cref="StopRing"/> or
    /// <see cref="ReplaceSetup"/> has returned.</param>
    /// <param name="kick">Signalled by the driver; null when the ring is to be polled. Stays the session's.</param>
    void StartRing(int ring, VirtqueueSetup setup, EventFd? kick);

    /// <summary>Takes a ring from the worker: what is in hand is completed, the ring is not touched again.</summary>
    /// <returns>Where it would go on, as GET_VRING_BASE answers.</returns>
    uint StopRing(int ring);

    /// <summary>Swaps kick, call, log or memory of a running ring without a stop. It goes on where it is:
    /// <see cref="VirtqueueSetup.Base"/> of the new setup counts for nothing.</summary>
    void ReplaceSetup(int ring, VirtqueueSetup setup, EventFd? kick);

    /// <summary>Lets packets through, or not: a started but disabled ring receives nothing, and what the guest sends
    /// is taken and dropped. Also told of a ring that is not started.</summary>
    void EnableRing(int ring, bool enabled);

    /// <summary>Sends a RARP broadcast for the guest on the network side.</summary>
    /// <param name="mac">Six bytes.</param>
    void SendRarp(ReadOnlySpan<byte> mac);

    /// <summary>The front-end limits frames to this many bytes of payload.</summary>
    void SetMtu(ushort mtu);

    /// <summary>State changed that is to be stored before the next message is read.</summary>
    void Changed();

    /// <summary>Something a person should know.</summary>
    void Event(string kind, string message);
}
