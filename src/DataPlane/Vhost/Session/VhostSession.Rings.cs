using Nf.DataPlane.Vhost.Protocol;
using Nf.DataPlane.Vhost.Rings;
using Nf.Linux;

namespace Nf.DataPlane.Vhost.Session;

// What is said about single rings.
internal sealed partial class VhostSession
{
    internal void SetVringSize(in Request request)
    {
        VringStatePayload state = PayloadParser.ParseVringState(request.Payload);
        Vring ring = StoppedRing(request.Kind, state.Index);
        if (state.Num == 0 || state.Num > _host.QueueSizeMax)
        {
            throw Refused.Value(request.Kind, $"num {state.Num}, must be 1 to {_host.QueueSizeMax}");
        }

        if (_features is { } features && VringTranslation.FaultOfSize(state.Num, features) is { } fault)
        {
            throw Refused.Value(request.Kind, fault);
        }

        ring.Size = state.Num;
        StartIfReady(ring);
    }

    internal void SetVringAddress(in Request request)
    {
        VringAddressPayload address = PayloadParser.ParseVringAddress(request.Payload);
        Vring ring = RingAt(request.Kind, address.Index);
        if ((address.Flags & ~VringAddressPayload.LogFlag) != 0)
        {
            throw Refused.Value(request.Kind, $"flags 0x{address.Flags:x}, only bit 0 is defined");
        }

        if (VringTranslation.FaultOfAlignment(
            address.Descriptors, address.Available, address.Used, IsPacked) is { } fault)
        {
            throw Refused.Value(request.Kind, fault);
        }

        if (ring.IsStarted && !address.IsSamePlace(ring.Address!.Value))
        {
            throw Refused.State(request.Kind, $"ring {ring.Index} runs, only what is logged of it may change");
        }

        ring.Address = address;
        RefreshIfStarted(ring);
        StartIfReady(ring);
    }

    internal void SetVringBase(in Request request)
    {
        VringStatePayload state = PayloadParser.ParseVringState(request.Payload);
        Vring ring = StoppedRing(request.Kind, state.Index);
        if (_features is { } features && VringTranslation.FaultOfBase(state.Num, ring.Size, features) is { } fault)
        {
            throw Refused.Value(request.Kind, fault);
        }

        ring.Base = state.Num;
        ring.BaseIsSet = true;
        StartIfReady(ring);
    }

    internal void GetVringBase(in Request request)
    {
        VringStatePayload state = PayloadParser.ParseVringState(request.Payload);
        Vring ring = RingAt(request.Kind, state.Index);
        StopRing(ring);

        // The front-end has the base now, and may tell another one: a guest that starts anew begins at its first entry.
        _inflight?.Queue(ring.Index)?.Forget();
        ring.Unconfigure();
        ring.Call?.Dispose();
        ring.Call = null;
        _changed = true;
        Answer(request, state with { Num = ring.Base });
    }

    internal void SetVringKick(in Request request)
    {
        Vring ring = RingAt(request.Kind, (uint)PayloadParser.ParseVringFile(request.Payload).Index);
        EventFd? kick = TakeVringFile(request);
        EventFd? old = ring.Kick;
        ring.Kick = kick;
        ring.KickIsSet = true;
        RefreshIfStarted(ring);
        old?.Dispose();
        StartIfReady(ring);
    }

    internal void SetVringCall(in Request request)
    {
        Vring ring = RingAt(request.Kind, (uint)PayloadParser.ParseVringFile(request.Payload).Index);
        EventFd? call = TakeVringFile(request);
        EventFd? old = ring.Call;
        ring.Call = call;
        RefreshIfStarted(ring);
        old?.Dispose();
        _changed = true;
        if (ring.IsStarted)
        {
            // What was signalled meanwhile went into the old one; a signal too many does no harm.
            call?.Signal();
        }
    }

    internal void SetVringError(in Request request)
    {
        Vring ring = RingAt(request.Kind, (uint)PayloadParser.ParseVringFile(request.Payload).Index);
        EventFd? error = TakeVringFile(request);
        ring.Error?.Dispose();
        ring.Error = error;
        _changed = true;
    }

    /// <summary>Allowed before SET_FEATURES: QEMU enables a pair first.</summary>
    internal void SetVringEnable(in Request request)
    {
        VringStatePayload state = PayloadParser.ParseVringState(request.Payload);
        Vring ring = RingAt(request.Kind, state.Index);
        if (state.Num > 1)
        {
            throw Refused.Value(request.Kind, $"num {state.Num}, must be 0 or 1");
        }

        EnableRing(ring, state.Num == 1);
    }

    /// <summary>The worker found that a ring cannot be trusted: counts it and tells the driver.</summary>
    /// <param name="index">Which ring.</param>
    /// <param name="fault">Why.</param>
    /// <param name="why">The same with its numbers, for a person.</param>
    internal void OnRingFault(int index, RingFault fault, string why)
    {
        Vring ring = _rings[index];
        if (!ring.IsStarted || ring.Fault == fault)
        {
            return; // stopped meanwhile, or told already
        }

        ring.Fault = fault;
        _faults.Add(
            fault == RingFault.MemoryLost ? VhostFaultKind.MemoryLost : VhostFaultKind.Ring,
            $"ring {index}: {why}; it is not touched again until it is stopped and started");
        ring.Error?.Signal();
    }

    private static EventFd? TakeVringFile(in Request request) =>
        request.Descriptors.Count == 0 ? null : request.Descriptors.TakeEventFd(request.Kind);

    private Vring RingAt(VhostRequest request, uint index) => index < (uint)_rings.Length
        ? _rings[index]
        : throw Refused.Value(request, $"index {index}, must be below {_rings.Length}");

    private Vring StoppedRing(VhostRequest request, uint index)
    {
        Vring ring = RingAt(request, index);
        return ring.IsStarted ? throw Refused.State(request, $"ring {index} runs, must be stopped") : ring;
    }
}
