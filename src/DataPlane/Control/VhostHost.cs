using Nf.DataPlane.Ports;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Rings;
using Nf.DataPlane.Vhost.Session;
using Nf.Linux;

namespace Nf.DataPlane.Control;

/// <summary>What a vhost device is to its session: carries what concerns rings to the worker that polls them.</summary>
internal sealed unsafe class VhostHost(VhostResource device, IVhostObserver observer) : IVhostHost
{
    private readonly Virtqueue?[] _rings = new Virtqueue?[device.RingCount];
    private readonly Virtqueue?[] _faultTold = new Virtqueue?[device.RingCount];

    public int RingCount => device.RingCount;

    public ulong OfferedFeatures => device.Shape.Features;

    public VhostConfig Config => new(
        device.Shape.Mac, device.IsLinkUp, (ushort)device.Shape.QueuePairs, device.Shape.Mtu);

    public uint QueueSizeMax => device.Shape.QueueSizeMax;

    public SessionRecord* SessionRecord => device.Records.Session;

    public VringRecord* Record(int ring) => device.Records.Ring(ring);

    /// <summary>A ring that the worker serves; null while it is stopped.</summary>
    internal Virtqueue? Ring(int ring) => _rings[ring];

    /// <summary>Why the worker gave up a ring; null when it did not, or that was asked before.</summary>
    internal RingFault? TakeFault(int ring)
    {
        Virtqueue? queue = _rings[ring];
        if (queue is null or { Fault: RingFault.None } || ReferenceEquals(queue, _faultTold[ring]))
        {
            return null;
        }

        _faultTold[ring] = queue;
        return queue.Fault;
    }

    /// <summary>True when memory under a ring was taken away.</summary>
    internal bool IsMemoryLost => _rings.Any(
        ring => ring is not null
            && (ring.Fault == RingFault.MemoryLost || (ring.Fault == RingFault.None && ring.Setup.Memory.IsLost)));

    public void StartRing(int ring, VirtqueueSetup setup, EventFd? kick)
    {
        OnWorker(() =>
        {
            Virtqueue queue = Virtqueue.Start(setup);
            PortOf(ring).SetRing(GuestSends(ring), queue, kick);
            _rings[ring] = queue;
            device.StartedRings[ring] = true;
            device.Connection?.Wire();
        });
        observer.RingsChanged(device);
    }

    public uint StopRing(int ring)
    {
        uint position = 0;
        OnWorker(() =>
        {
            PortOf(ring).SetRing(GuestSends(ring), null, null);
            position = _rings[ring]?.Base ?? 0;
            _rings[ring] = null;
            device.StartedRings[ring] = false;
            device.Connection?.Wire();
        });
        observer.RingsChanged(device);
        return position;
    }

    public void ReplaceSetup(int ring, VirtqueueSetup setup, EventFd? kick)
    {
        OnWorker(() =>
        {
            Virtqueue? before = _rings[ring];
            if (before is { Fault: not RingFault.None })
            {
                // Given up for good, and what it ran on is going away.
                PortOf(ring).SetRing(GuestSends(ring), null, null);
                return;
            }

            Virtqueue queue = Virtqueue.Start(before is null ? setup : setup.At(before.Base));
            PortOf(ring).SetRing(GuestSends(ring), queue, kick);
            _rings[ring] = queue;
        });
    }

    public void EnableRing(int ring, bool enabled)
    {
        OnWorker(() =>
        {
            PortOf(ring).SetEnabled(GuestSends(ring), enabled);
            device.EnabledRings[ring] = enabled;
            device.Connection?.Wire();
        });
        observer.RingsChanged(device);
    }

    public void SendRarp(ReadOnlySpan<byte> mac)
    {
        byte[] address = mac.ToArray();
        VhostPort port = device.VhostPorts[0];
        OnWorker(() => port.SendRarp(address));
    }

    public void SetMtu(ushort mtu)
    {
        device.SessionMtu = mtu;
        LimitFrames(device);
        observer.RingsChanged(device);
    }

    public void Changed() => observer.SessionChanged(device);

    public void Event(string kind, string message) => observer.Told(device, kind, message);

    /// <summary>A connection begins: what is sent to the device may reach somebody.</summary>
    internal void Open() => device.Worker.Invoke(() =>
    {
        foreach (VhostPort port in device.VhostPorts)
        {
            port.IsUp = true;
        }
    });

    /// <summary>Takes back whatever a connection that is over has left.</summary>
    internal void Forget()
    {
        device.SessionMtu = 0;
        LimitFrames(device);
        device.Worker.Invoke(() =>
        {
            for (int ring = 0; ring < RingCount; ring++)
            {
                PortOf(ring).SetRing(GuestSends(ring), null, null);
                PortOf(ring).SetEnabled(GuestSends(ring), false);
                PortOf(ring).IsUp = false;
            }
        });
        Array.Clear(_rings);
        Array.Clear(_faultTold);
        Array.Clear(device.StartedRings);
        Array.Clear(device.EnabledRings);
        if (device.Connection is { } user)
        {
            device.Worker.Invoke(() =>
            {
                user.Wire();
                user.Forget(device);
            });
        }
    }

    /// <summary>Lets the ports of a device drop what is larger than its MTU.</summary>
    internal static void LimitFrames(VhostResource device)
    {
        uint bytes = device.Mtu == 0 ? uint.MaxValue : device.Mtu + XskResource.EthernetBytes;
        device.Worker.Invoke(() =>
        {
            foreach (VhostPort port in device.VhostPorts)
            {
                port.FrameBytesMax = bytes;
            }
        });
    }

    // What a worker refuses is the front-end's fault and not a bug: it must not arrive wrapped.
    private void OnWorker(Action action)
    {
        VhostRefusedException? refusal = null;
        device.Worker.Invoke(() =>
        {
            try
            {
                action();
            }
            catch (VhostRefusedException e)
            {
                refusal = e;
            }
        });
        if (refusal is not null)
        {
            throw new VhostRefusedException(refusal.Message);
        }
    }

    private VhostPort PortOf(int ring) => device.VhostPorts[ring / 2];

    private static bool GuestSends(int ring) => (ring & 1) != 0;
}
