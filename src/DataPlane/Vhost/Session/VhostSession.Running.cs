using Nf.DataPlane.Vhost.Rings;

namespace Nf.DataPlane.Vhost.Session;

// Rings between the front-end's words and the worker.
internal sealed partial class VhostSession
{
    private bool IsPacked => ((_features ?? 0) & VirtioFeatures.RingPacked) != 0;

    private bool LogsWrites => ((_features ?? 0) & VirtioFeatures.LogAll) != 0;

    private VringTranslation Translation =>
        new(_features ?? 0, _memory, LogsWrites ? _log : null, _inflight);

    private void StartReadyRings() => Array.ForEach(_rings, StartIfReady);

    // A ring starts with the message that completes it, whichever that is.
    // SAFETY: the record is only handed on; the device keeps it mapped longer than any ring runs.
    private unsafe void StartIfReady(Vring ring)
    {
        _changed = true;
        if (ring.IsStarted)
        {
            return;
        }

        ring.Waiting = MissingFor(ring);
        if (ring.Waiting.Length != 0)
        {
            return;
        }

        VringRecord* record = _host.Record(ring.Index);
        if (Translation.TryBuild(ring, record, out string fault) is not { } setup)
        {
            ring.Waiting = fault;
            _faults.Add(VhostFaultKind.BadMemory, $"ring {ring.Index}: {fault}");
            return;
        }

        if (_inflight is not null && setup.Inflight is null)
        {
            _faults.Add(
                VhostFaultKind.BadValue,
                $"ring {ring.Index}: the inflight region has no room for it " +
                $"({_inflight.QueueCount} rings of {_inflight.QueueSize}); it runs without");
        }

        try
        {
            _host.StartRing(ring.Index, setup, ring.Kick);
        }
        catch (VhostRefusedException e)
        {
            ring.Waiting = e.Message;
            _faults.Add(e.Kind, $"ring {ring.Index}: {e.Message}");
            return;
        }

        ring.Fault = RingFault.None;
        ring.IsStarted = true;
        TellConfigChange();
    }

    private string MissingFor(Vring ring) => ring switch
    {
        _ when _features is null => "SET_FEATURES has not come",
        { KickIsSet: false } => "SET_VRING_KICK has not come",
        { Size: 0 } => "SET_VRING_NUM has not come",
        { Address: null } => "SET_VRING_ADDR has not come",
        { BaseIsSet: false } => "SET_VRING_BASE has not come",
        _ when _memory.Regions.Count == 0 => "there is no guest memory",
        _ => "",
    };

    private void StopRing(Vring ring)
    {
        if (ring.IsStarted)
        {
            ring.Base = _host.StopRing(ring.Index);
            ring.IsStarted = false;
            ring.Waiting = "stopped";
        }
    }

    private void EnableRing(Vring ring, bool enabled)
    {
        if (ring.IsEnabled != enabled)
        {
            ring.IsEnabled = enabled;
            _changed = true;
            _host.EnableRing(ring.Index, enabled);
        }
    }

    private void RefreshStartedRings() => Array.ForEach(_rings, RefreshIfStarted);

    // Gives a running ring what it runs on now. A ring whose memory is gone is stopped; it goes on where it was once
    // the memory is back.
    private void RefreshIfStarted(Vring ring)
    {
        if (!ring.IsStarted)
        {
            return;
        }

        _changed = true;
        if (TryReplace(ring, out string fault))
        {
            return;
        }

        // Also when the worker refused: nothing may go on with what is about to be released.
        StopRing(ring);
        ring.Waiting = fault;
        _faults.Add(VhostFaultKind.BadMemory, $"ring {ring.Index} was stopped: {fault}");
    }

    // SAFETY: as for StartIfReady.
    private unsafe bool TryReplace(Vring ring, out string fault)
    {
        try
        {
            if (Translation.TryBuild(ring, _host.Record(ring.Index), out fault) is { } setup)
            {
                _host.ReplaceSetup(ring.Index, setup, ring.Kick);
                return true;
            }
        }
        catch (VhostRefusedException e)
        {
            fault = e.Message;
        }

        return false;
    }
}
