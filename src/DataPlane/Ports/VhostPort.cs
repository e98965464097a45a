using Nf.DataPlane.Vhost.Rings;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Ports;

/// <summary>A queue pair of a vhost device as its worker sees it: the ring that the guest sends by, and the one that it
/// receives from.</summary>
/// <remarks>
/// The rings come and go as the front-end says. A ring that is stopped is not here; one that is disabled is emptied
/// (what the guest sends) or not touched (what it receives). A ring that cannot be trusted is let go at once, and told
/// of by <see cref="TakeFault"/>; its port goes on with the other one.
/// </remarks>
internal sealed unsafe partial class VhostPort : Port
{
    private readonly RarpFrames _rarp = new();
    private FileDescriptor[] _readiness = [];
    private Virtqueue? _fromGuest;
    private Virtqueue? _toGuest;
    private bool _fromGuestEnabled;
    private bool _toGuestEnabled;
    private bool _mustBePolled;
    private bool _wakeUpsEnabled;
    private string? _fault;

    // What Receive took and Release gives back.
    private bool _inHand;
    private uint _inHandPackets;
    private ulong _inHandBytes;

    /// <param name="slot">Its slot in the segment.</param>
    /// <param name="counters">Its lines of the segment.</param>
    /// <param name="pair">Which pair of its device: rings 2 × pair and 2 × pair + 1.</param>
    internal VhostPort(int slot, PortSlot* counters, int pair)
        : base(slot, counters) => Pair = pair;

    /// <summary>Which pair of its device.</summary>
    internal int Pair { get; }

    /// <summary>Every pair of its device: where frames go while the guest does not use this one.</summary>
    internal IReadOnlyList<VhostPort> Pairs { get; set; } = [];

    /// <inheritdoc/>
    internal override bool IsUp { get; set; } = true;

    /// <inheritdoc/>
    internal override bool HasFrames => _rarp.Count != 0 || (_fromGuest is { } ring && ring.Pending != 0);

    /// <summary>True when the guest's driver never kicks, because the front-end gave no descriptor for it
    /// (VHOST_VRING_NOFD).</summary>
    internal bool MustBePolled => _mustBePolled;

    /// <inheritdoc/>
    internal override int RestMilliseconds => _mustBePolled ? 1 : -1;

    /// <inheritdoc/>
    internal override IReadOnlyList<FileDescriptor> Readiness => _readiness;

    /// <summary>
    /// Edges only, and the count is never taken: the front-end has the same open file, and could have a read wait for
    /// ever.
    /// </summary>
    internal override EpollEvents ReadinessEvents => EpollEvents.In | EpollEvents.EdgeTriggered;

    /// <summary>True while frames can be sent to the guest here.</summary>
    internal bool CanSend => _toGuest is not null && _toGuestEnabled;

    /// <summary>A guest with fewer CPUs than pairs enables the first ones only, and looks at no others.</summary>
    internal override Port Sink
    {
        get
        {
            if (CanSend)
            {
                return this;
            }

            foreach (VhostPort other in Pairs)
            {
                if (other.CanSend)
                {
                    return other;
                }
            }

            return this;
        }
    }

    /// <summary>Starts a ring, goes on with another one in its place, or stops it. On the worker, between two
    /// rounds.</summary>
    /// <param name="guestSends">The odd ring of the pair, by which the guest sends.</param>
    /// <param name="ring">The ring; null to stop.</param>
    /// <param name="kick">By which the driver tells of buffers; null when it does not.</param>
    internal void SetRing(bool guestSends, Virtqueue? ring, EventFd? kick)
    {
        ring?.DisableKicks();
        PublishLevels();
        if (!guestSends)
        {
            // Nobody waits for buffers: a frame that finds none is dropped. So its kicks are of no interest.
            _toGuest = ring;
            return;
        }

        Unwatch();
        _fromGuest = ring;
        _mustBePolled = ring is not null && kick is null;
        _readiness = ring is null || kick is null ? [] : [kick.Descriptor];
        _wakeUpsEnabled = false;
    }

    /// <summary>Enables or disables a ring (SET_VRING_ENABLE). On the worker, between two rounds.</summary>
    internal void SetEnabled(bool guestSends, bool enabled)
    {
        if (guestSends)
        {
            _fromGuestEnabled = enabled;
        }
        else
        {
            _toGuestEnabled = enabled;
        }
    }

    /// <summary>Has a RARP frame leave on the network side as if the guest had sent it: switches learn where it is now
    /// (SEND_RARP). On the worker, between two rounds.</summary>
    internal void SendRarp(ReadOnlySpan<byte> mac) => _rarp.Add(mac);

    /// <inheritdoc/>
    internal override void Flush()
    {
        _toGuest?.Notify();
        _fromGuest?.Notify();
        NeedsFlush = false;
    }

    /// <inheritdoc/>
    internal override bool EnableWakeUps()
    {
        if (_rarp.Count != 0)
        {
            return false;
        }

        if (_fromGuest is null || _mustBePolled)
        {
            return true;
        }

        _wakeUpsEnabled = true;
        return _fromGuest.EnableKicks();
    }

    /// <inheritdoc/>
    internal override void DisableWakeUps()
    {
        if (_wakeUpsEnabled)
        {
            _wakeUpsEnabled = false;
            _fromGuest?.DisableKicks();
        }
    }

    /// <inheritdoc/>
    internal override void AcknowledgeWakeUp() => Vhost.KicksReceived++;

    /// <inheritdoc/>
    internal override void PublishLevels()
    {
        Vhost.RxPending = _toGuest?.Pending ?? 0;
        Vhost.TxPending = _fromGuest?.Pending ?? 0;
        Count(_toGuest, ref _toGuestCounted);
        Count(_fromGuest, ref _fromGuestCounted);
    }

    /// <inheritdoc/>
    internal override string? TakeFault()
    {
        string? fault = _fault;
        _fault = null;
        return fault;
    }

    /// <inheritdoc/>
    internal override void Rewind()
    {
        if (!_inHand)
        {
            return;
        }

        // Chains cannot be taken back. Their frames are lost with the port that they were meant for.
        Traffic.RxPackets += _inHandPackets;
        Traffic.RxBytes += _inHandBytes;
        Drops[(int)DropReason.PeerDown] += _inHandPackets;
        GiveBack();
    }

    internal override void Detach()
    {
        PublishLevels();
        base.Detach();
    }
}
