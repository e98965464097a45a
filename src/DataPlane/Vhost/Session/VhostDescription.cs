using Nf.DataPlane.Vhost.Memory;
using Nf.DataPlane.Vhost.Rings;

namespace Nf.DataPlane.Vhost.Session;

/// <summary>A connection as the status shows it.</summary>
/// <param name="OfferedFeatures">Feature bits that were offered.</param>
/// <param name="Features">Those the front-end accepted; null before SET_FEATURES.</param>
/// <param name="ProtocolFeatures">Protocol feature bits it accepted.</param>
/// <param name="Status">The device status (SET_STATUS).</param>
/// <param name="Mtu">What NET_SET_MTU said; null when it said nothing.</param>
/// <param name="HasBackendChannel">Whether it can be told of a changed configuration.</param>
/// <param name="Rings">By index.</param>
/// <param name="Regions">Memory of the guest, by guest address.</param>
/// <param name="Log">The dirty log; null without one.</param>
/// <param name="Inflight">The inflight region; null without one.</param>
/// <param name="MessagesHandled">Messages since the connection was made.</param>
/// <param name="LastRequest">The request handled last; empty before the first.</param>
internal sealed record VhostDescription(
    ulong OfferedFeatures,
    ulong? Features,
    ulong ProtocolFeatures,
    byte Status,
    ushort? Mtu,
    bool HasBackendChannel,
    IReadOnlyList<VringDescription> Rings,
    IReadOnlyList<GuestRegionState> Regions,
    DirtyLogDescription? Log,
    InflightDescription? Inflight,
    ulong MessagesHandled,
    string LastRequest);

/// <summary>A ring as the status shows it.</summary>
/// <param name="Index">Even for what the guest receives, odd for what it sends.</param>
/// <param name="Size">Descriptors; 0 while not set.</param>
/// <param name="Packed">Which of the two formats it has.</param>
/// <param name="Started">Whether the worker serves it.</param>
/// <param name="Enabled">Whether packets pass.</param>
/// <param name="HasKick">Whether the driver can wake us; a ring without is polled.</param>
/// <param name="HasCall">Whether we can signal the driver.</param>
/// <param name="Base">Where it began, or stopped, in the form of SET_VRING_BASE.</param>
/// <param name="Waiting">Why it is not started, for a person; empty when it is.</param>
/// <param name="Fault">Why it is not touched any more.</param>
internal sealed record VringDescription(
    int Index,
    uint Size,
    bool Packed,
    bool Started,
    bool Enabled,
    bool HasKick,
    bool HasCall,
    uint Base,
    string Waiting,
    RingFault Fault);

/// <summary>The dirty log as the status shows it.</summary>
/// <param name="SizeBytes">Its size.</param>
/// <param name="Active">Whether writes are recorded (LOG_ALL accepted).</param>
/// <param name="OutOfRange">Writes outside it, which were not recorded.</param>
internal sealed record DirtyLogDescription(ulong SizeBytes, bool Active, ulong OutOfRange);

/// <summary>The inflight region as the status shows it.</summary>
/// <param name="Queues">Rings it has room for.</param>
/// <param name="QueueSize">Descriptors of each of them.</param>
internal sealed record InflightDescription(uint Queues, uint QueueSize);
