namespace Nf.DataPlane.Vhost.Session;

// The state for people.
internal sealed partial class VhostSession
{
    /// <summary>The state for people.</summary>
    internal VhostDescription Describe() => new(
        _host.OfferedFeatures,
        _features,
        _protocolFeatures,
        _status,
        _mtu,
        _channel is not null,
        [.. _rings.Select(Describe)],
        _memory.Describe(),
        _log is null ? null : new DirtyLogDescription(_log.SizeBytes, LogsWrites, _log.OutOfRange),
        _inflight is null ? null : new InflightDescription(_inflight.QueueCount, _inflight.QueueSize),
        MessagesHandled,
        MessagesHandled == 0 ? "" : _lastRequest.ToString());

    private VringDescription Describe(Vring ring) => new(
        ring.Index,
        ring.Size,
        IsPacked,
        ring.IsStarted,
        ring.IsEnabled,
        ring.Kick is not null,
        ring.Call is not null,
        ring.Base,
        ring.IsStarted ? "" : ring.Waiting,
        ring.Fault);
}
