using Nf.DataPlane.Vhost.Session;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>
/// The connections of vhost devices: listens or connects, lets one front-end in at a time, hands its messages to the
/// session, and begins anew when it is gone. Everything on the control thread, nothing waits.
/// </summary>
internal sealed class VhostSockets : IDisposable
{
    private const string NobodyConnected = "no front-end is connected";

    private readonly Resources _resources;
    private readonly EventLoop _loop;
    private readonly VhostStates _states;
    private readonly TimerFd _retry = TimerFd.Create();

    internal VhostSockets(Resources resources, EventLoop loop, VhostStates states)
    {
        _resources = resources;
        _loop = loop;
        _states = states;
        _loop.Add(_retry.Descriptor, RetryDue);
    }

    /// <summary>Makes the listening socket of a new device. Nothing is heard of it before
    /// <see cref="Start"/>.</summary>
    /// <exception cref="CommandFaultException">SOCKET_PATH_TAKEN, SOCKET_PATH_INVALID, SOCKET_PATH_DENIED.</exception>
    internal static void Open(VhostResource device)
    {
        try
        {
            if (!device.Shape.IsClient)
            {
                Bind(device);
            }
        }
        catch (LinuxException refusal)
        {
            throw VhostFaultWords.OfListen(device.Shape.SocketPath, refusal);
        }
    }

    /// <summary>Begins to listen, to connect, or to go on with the connection of an earlier life.</summary>
    internal void Start(VhostResource device)
    {
        if (device.Listener is { } listener)
        {
            _loop.Add(listener.Descriptor, () => Accept(device));
        }

        if (device.Session is { } session)
        {
            Watch(device, session);
            _states.Settle(device);
        }
        else if (device.Shape.IsClient)
        {
            Dial(device);
        }
        else if (device.Listener is null)
        {
            TryListen(device);
        }
        else
        {
            _states.Set(device, VhostState.Listening, NobodyConnected);
        }
    }

    /// <summary>Ends everything of a device that is to be deleted.</summary>
    internal void Close(VhostResource device)
    {
        device.RetryNs = 0;
        EndSession(device, "the device was deleted");
        if (device.Listener is { } listener)
        {
            _loop.Remove(listener.Descriptor);
            Unbind(device);
        }
    }

    /// <summary>Ends a connection from this side, and waits for the next.</summary>
    internal void Drop(VhostResource device, string why)
    {
        if (device.Session is not null)
        {
            EndSession(device, why);
            Await(device);
        }
    }

    /// <summary>What only time tells: a peer that stalls, memory and rings that were lost, a socket file that
    /// somebody removed, another end that went down.</summary>
    internal void Tick(long nowNs)
    {
        FollowLinks();
        foreach (VhostResource device in _resources.VhostDevices.Values)
        {
            if (device.Session is { } session)
            {
                Finish(device, session, session.OnTick(nowNs));
                _states.CheckRings(device);
                if (device.Host!.IsMemoryLost)
                {
                    Drop(device, "memory of the guest was taken away: a file that it shared has shrunk");
                }
            }
            else if (device.Listener is not null && UnixSocketFile.Find(device.Shape.SocketPath) != device.SocketFile)
            {
                Relisten(device);
            }
        }
    }

    /// <summary>Something was connected or disconnected.</summary>
    internal void FollowLinks() => _states.FollowLinks();

    /// <summary>Closes the listening socket of a device, and removes its file if it is still the one that was
    /// made.</summary>
    internal static void Unbind(VhostResource device)
    {
        if (device.SocketFile is { } file)
        {
            try
            {
                UnixSocketFile.Remove(device.Shape.SocketPath, file);
            }
            catch (LinuxException left)
            {
                // Nothing depends on it: the next who listens there replaces it.
                Console.Error.WriteLine($"nf-dataplane: vhost device \"{device.Name}\": {left.Message}");
            }
        }

        device.SocketFile = null;
        device.Listener?.Dispose();
        device.Listener = null;
    }

    public void Dispose()
    {
        _loop.Remove(_retry.Descriptor);
        _retry.Dispose();
    }

    private static void Bind(VhostResource device)
    {
        device.Listener = UnixStreamSocket.Listen(device.Shape.SocketPath, device.Shape.SocketMode);
        device.SocketFile = UnixSocketFile.Find(device.Shape.SocketPath);
    }

    // Whoever removed the file cut the device off: nobody finds the socket any more.
    private void Relisten(VhostResource device)
    {
        _loop.Remove(device.Listener!.Descriptor);
        Unbind(device);
        _resources.Events.Add(
            EventKind.Fault, device.Type, device.Name,
            $"the socket file {device.Shape.SocketPath} was removed or replaced by somebody else; it is made anew");
        TryListen(device);
    }

    private void TryListen(VhostResource device)
    {
        try
        {
            Bind(device);
            device.Attempts = 0;
            _loop.Add(device.Listener!.Descriptor, () => Accept(device));
            _states.Store(device);
            _states.Set(device, VhostState.Listening, NobodyConnected);
        }
        catch (LinuxException refusal)
        {
            _states.Set(device, VhostState.Failed, refusal.Message);
            Retry(device, soon: false);
        }
    }

    private void Accept(VhostResource device)
    {
        // One that has gone must not stand in the way of the one that comes.
        if (device.Session is { } current && device.Listener is not null)
        {
            Read(device, current);
        }

        if (device.Listener?.TryAccept() is not { } socket)
        {
            return;
        }

        if (device.Session is not null)
        {
            socket.Dispose();
            device.RefusedConnections++;
            if (ulong.IsPow2(device.RefusedConnections))
            {
                _resources.Events.Add(
                    EventKind.Fault, device.Type, device.Name,
                    $"a second front-end connected and was turned away: process {device.Peer.Pid} is connected",
                    ("refused", $"{device.RefusedConnections}"));
            }

            return;
        }

        Begin(device, socket);
    }

    private void Dial(VhostResource device)
    {
        try
        {
            Begin(device, UnixStreamSocket.ConnectNow(device.Shape.SocketPath));
        }
        catch (LinuxException refusal)
        {
            _states.Set(device, VhostState.Connecting, refusal.Message);
            Retry(device, soon: false);
        }
    }

    /// <summary>Lets a front-end in.</summary>
    internal void Begin(VhostResource device, UnixStreamSocket socket)
    {
        device.RetryNs = 0;
        device.Attempts = 0;
        device.Records.Clear();
        device.Connections++;
        device.ConnectedUnixNs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1_000_000;
        device.Peer = socket.PeerCredentials;
        device.Host!.Open();
        device.Session = new VhostSession(socket, device.Host, device.Faults);
        Watch(device, device.Session);
        _states.Store(device);
        _states.Settle(device);
    }

    private void Watch(VhostResource device, VhostSession session) => _loop.Add(
        session.Descriptor, () => Read(device, session), () => Finish(device, session, session.OnWritable()));

    private void Read(VhostResource device, VhostSession session) => Finish(device, session, session.OnReadable());

    private void Finish(VhostResource device, VhostSession session, bool goesOn)
    {
        if (device.Session != session)
        {
            return;
        }

        if (goesOn)
        {
            _loop.WaitWritable(session.Descriptor, session.WantsWrite);
            return;
        }

        EndSession(device, session.EndReason ?? "the front-end closed the connection");
        Await(device);
    }

    private void EndSession(VhostResource device, string why)
    {
        if (device.Session is not { } session)
        {
            return;
        }

        // First, so that what its end does to the rings is no change of state.
        device.Session = null;
        _loop.Remove(session.Descriptor);
        session.Dispose();
        device.Host!.Forget();
        device.Peer = default;
        device.LastDisconnect = why;
        device.Records.Clear();
        _states.Store(device);
    }

    private void Await(VhostResource device)
    {
        if (device.Shape.IsClient)
        {
            _states.Set(device, VhostState.Connecting, device.LastDisconnect);
            Retry(device, soon: true);
        }
        else if (device.Listener is not null)
        {
            _states.Set(device, VhostState.Listening, NobodyConnected);
        }
        else
        {
            TryListen(device);
        }
    }

    private void Retry(VhostResource device, bool soon)
    {
        device.Attempts = soon ? 0 : device.Attempts + 1;
        device.RetryNs = Clock.MonotonicNs() + VhostBackoff.DelayNs(device.Attempts, Random.Shared.NextDouble());
        Arm();
    }

    private void RetryDue()
    {
        _retry.TryRead(out _);
        long now = Clock.MonotonicNs();
        foreach (VhostResource device in _resources.VhostDevices.Values)
        {
            if (device.RetryNs == 0 || device.RetryNs > now || device.Session is not null)
            {
                continue;
            }

            device.RetryNs = 0;
            if (device.Shape.IsClient)
            {
                Dial(device);
            }
            else if (device.Listener is null)
            {
                TryListen(device);
            }
        }

        Arm();
    }

    // One timer for all: it is due when the first of them is.
    private void Arm()
    {
        long first = _resources.VhostDevices.Values.Select(device => device.RetryNs).Where(due => due != 0)
            .DefaultIfEmpty(0).Min();
        if (first != 0)
        {
            // A due time of zero would stop the timer.
            long waitNs = Math.Max(1_000_000, first - Clock.MonotonicNs());
            _retry.Set(TimeSpan.FromTicks(waitNs / 100), TimeSpan.Zero);
        }
    }
}
