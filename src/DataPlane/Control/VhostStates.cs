using Nf.DataPlane.Vhost.Rings;
using Nf.SharedMemory.Store;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>Where vhost devices stand: works it out, publishes it, tells of it, and stores it.</summary>
internal sealed class VhostStates(Resources resources) : IVhostObserver
{
    /// <summary>Events of one device in a row; more come at <see cref="EventsPerSecond"/>. Arbitrary: a front-end that
    /// comes and goes all the time must not drown what others have to say.</summary>
    private const double EventBurst = 16;

    private const double EventsPerSecond = 2;

    public void RingsChanged(VhostResource device) => Settle(device);

    public void SessionChanged(VhostResource device)
    {
        // While the connection begins, or an earlier life's is taken over: stored when that is done.
        if (device.Session is not null)
        {
            Store(device);
        }
    }

    public void Told(VhostResource device, string kind, string message) =>
        Tell(device, EventKind.Fault, message, ("kind", kind));

    /// <summary>Has the faults of a device told as events.</summary>
    internal void Follow(VhostResource device) => device.Faults.Noticed = (kind, message) =>
        Tell(device, EventKind.Fault, message, ("kind", VhostWords.Of(kind)));

    /// <summary>Works out the state of a device that has a connection.</summary>
    internal void Settle(VhostResource device)
    {
        if (device.Session is null)
        {
            return;
        }

        for (int ring = 0; ring < device.RingCount; ring++)
        {
            if (device.Host!.Ring(ring) is { Fault: not RingFault.None } broken)
            {
                Set(device, VhostState.Broken, $"ring {ring}: {broken.FaultText}");
                return;
            }
        }

        bool carries = Enumerable.Range(0, device.Shape.QueuePairs).Any(pair => Runs(2 * pair) && Runs((2 * pair) + 1));
        Set(
            device,
            carries ? VhostState.Started : VhostState.Connected,
            carries ? "" : "no queue pair is started and enabled in both directions");

        bool Runs(int ring) => device.StartedRings[ring] && device.EnabledRings[ring];
    }

    /// <summary>Tells every guest whose link came up or went down: a link is up while its other end carries traffic, a
    /// place on a bridge is up, a device that nothing connects is down.</summary>
    /// <remarks>Not with every change of a state: while a life takes over, its devices come up one after the
    /// other.</remarks>
    internal void FollowLinks()
    {
        foreach (VhostResource device in resources.VhostDevices.Values)
        {
            bool isUp = device.Connection?.CarriesFrom(device) ?? false;
            if (device.IsLinkUp != isUp)
            {
                device.IsLinkUp = isUp;
                device.Session?.OnConfigChanged();
                Store(device);
            }
        }
    }

    /// <summary>Looks whether a worker gave up a ring, and tells the driver.</summary>
    internal void CheckRings(VhostResource device)
    {
        for (int ring = 0; ring < device.RingCount && device.Session is { } session; ring++)
        {
            if (device.Host!.TakeFault(ring) is { } fault)
            {
                session.OnRingFault(ring, fault, device.Host.Ring(ring)?.FaultText ?? "");
                Settle(device);
            }
        }
    }

    /// <summary>Notes and publishes a state, and tells of it when it is another one.</summary>
    internal void Set(VhostResource device, VhostState state, string reason)
    {
        VhostState before = device.State;
        device.State = state;
        device.StateReason = reason;
        resources.Publish(device);
        if (before != state && device.IsListed)
        {
            Tell(
                device, EventKind.StateChanged, reason.Length == 0 ? $"{state}" : $"{state}: {reason}",
                ("from", $"{before}"), ("to", $"{state}"));
        }
    }

    /// <summary>Leaves with the keeper what the next life needs. Without it this life goes on; the next one has the
    /// front-end connect again.</summary>
    internal void Store(VhostResource device)
    {
        if (!device.IsListed)
        {
            return;
        }

        try
        {
            resources.Store.Put(device);
        }
        catch (StoreException refusal)
        {
            Tell(device, EventKind.Fault, $"a next life will not find this connection: {refusal.Message}");
        }
    }

    private void Tell(VhostResource device, EventKind kind, string message, params (string, string)[] attributes)
    {
        long now = Linux.Clock.MonotonicNs();
        double since = (now - device.EventsCountedNs) / 1e9;
        device.EventAllowance = Math.Min(EventBurst, device.EventAllowance + (since * EventsPerSecond));
        device.EventsCountedNs = now;
        if (device.EventAllowance < 1)
        {
            device.EventsWithheld++;
            return;
        }

        device.EventAllowance--;
        resources.Events.Add(
            kind, device.Type, device.Name,
            device.EventsWithheld == 0
                ? message
                : $"{message} ({device.EventsWithheld} events before it were not told)",
            attributes);
        device.EventsWithheld = 0;
    }
}
