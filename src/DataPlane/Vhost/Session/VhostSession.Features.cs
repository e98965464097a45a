using Nf.DataPlane.Vhost.Protocol;

namespace Nf.DataPlane.Vhost.Session;

// What both sides agree on, and the state of the device as a whole.
internal sealed partial class VhostSession
{
    private const ulong StatusMax = byte.MaxValue;

    // Null until SET_FEATURES, and after a reset.
    private ulong? _features;
    private ulong _protocolFeatures;
    private bool _isOwned;
    private byte _status;

    private bool AnyRingStarted => _rings.Any(ring => ring.IsStarted);

    internal void GetFeatures(in Request request) => Answer(request, _host.OfferedFeatures);

    internal void SetFeatures(in Request request)
    {
        ulong features = PayloadParser.ParseNumber(request.Payload);
        if ((features & ~_host.OfferedFeatures) is not 0 and ulong unknown)
        {
            throw Refused.Value(request.Kind, $"features 0x{features:x}, 0x{unknown:x} of them are not offered");
        }

        ulong changed = (_features ?? 0) ^ features;
        if (AnyRingStarted && (changed & ~VirtioFeatures.LogAll) != 0)
        {
            throw Refused.State(
                request.Kind, $"features 0x{features:x}, only LOG_ALL (bit 26) may change while a ring runs");
        }

        _features = features;
        _changed = true;
        if ((features & VirtioFeatures.ProtocolFeatures) == 0)
        {
            // A front-end that does not know SET_VRING_ENABLE.
            Array.ForEach(_rings, ring => EnableRing(ring, true));
        }

        if ((changed & VirtioFeatures.LogAll) != 0)
        {
            RefreshStartedRings();
        }

        StartReadyRings();
    }

    // The first message of some front-ends and the last of others' preparations; it changes nothing here.
    internal void SetOwner()
    {
        _isOwned = true;
        _changed = true;
    }

    internal void GetProtocolFeatures(in Request request) => Answer(request, ProtocolFeatures.Offered);

    internal void SetProtocolFeatures(in Request request)
    {
        const ulong InbandNeeds = ProtocolFeatures.BACKEND_REQ | ProtocolFeatures.REPLY_ACK;
        ulong features = PayloadParser.ParseNumber(request.Payload);
        if ((features & ProtocolFeatures.INBAND_NOTIFICATIONS) != 0 && (features & InbandNeeds) != InbandNeeds)
        {
            throw new VhostFatalException(
                VhostFaultKind.BadValue,
                $"{request.Kind}: features 0x{features:x}, INBAND_NOTIFICATIONS needs BACKEND_REQ and REPLY_ACK");
        }

        if ((features & ~ProtocolFeatures.Offered) is not 0 and ulong unknown)
        {
            throw Refused.Value(request.Kind, $"features 0x{features:x}, 0x{unknown:x} of them are not offered");
        }

        _protocolFeatures = features;
        _changed = true;
    }

    /// <summary>Rings, not pairs: the front-ends differ in what they take it for, and the larger number satisfies
    /// all of them.</summary>
    internal void GetQueueCount(in Request request) => Answer(request, (ulong)_rings.Length);

    internal void GetStatus(in Request request) => Answer(request, (ulong)_status);

    internal void SetStatus(in Request request)
    {
        ulong status = PayloadParser.ParseNumber(request.Payload);
        if (status > StatusMax)
        {
            throw Refused.Value(request.Kind, $"status 0x{status:x}, must be at most 0x{StatusMax:x}");
        }

        if (status == 0)
        {
            // QEMU 7.2 stops a device with this, and only then asks for the bases of its rings.
            Reset(forgetBases: false);
        }

        _status = (byte)status;
        _changed = true;
    }

    /// <summary>The device is as new, but its memory, its protocol features and its call descriptors stay.</summary>
    internal void ResetDevice() => Reset(forgetBases: true);

    private void Reset(bool forgetBases)
    {
        foreach (Vring ring in _rings)
        {
            StopRing(ring);
            _inflight?.Queue(ring.Index)?.Forget();
            EnableRing(ring, false);
            ring.Unconfigure();
            if (forgetBases)
            {
                ring.Base = 0;
            }
        }

        _features = null;
        _status = 0;
        _changed = true;
    }
}
