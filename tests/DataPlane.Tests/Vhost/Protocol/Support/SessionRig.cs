using System.Runtime.InteropServices;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Memory;
using Nf.DataPlane.Vhost.Protocol;
using Nf.DataPlane.Vhost.Session;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Protocol.Support;

/// <summary>
/// A scripted front-end at one end of a socket pair, a session at the other, one thread for both. Its end checks that
/// nothing the front-end sent is still open or mapped by the session.
/// </summary>
internal sealed class SessionRig : IDisposable
{
    internal const ulong Features = VirtioFeatures.Version1 | VirtioFeatures.ProtocolFeatures |
        VirtioFeatures.MergeableBuffers;

    private readonly List<IDisposable> _owned = [];
    private readonly UnixStreamSocket _peer;
    private bool _peerIsOpen = true;
    private bool _ownsHost;
    private int _watchedOwn;

    internal SessionRig(int pairs = 1, FakeHost? host = null, bool ownsHost = true)
    {
        Host = host ?? new FakeHost(pairs);
        _ownsHost = ownsHost;
        (_peer, UnixStreamSocket own) = UnixStreamSocket.SocketPair();
        Watch.Add(own.Descriptor);
        Session = new VhostSession(own, Host, Faults);
    }

    internal FakeHost Host { get; private set; }

    internal VhostFaults Faults { get; } = new();

    internal VhostSession Session { get; set; }

    internal DescriptorWatch Watch { get; } = new();

    internal UnixStreamSocket Peer => _peer;

    /// <summary>Memory that the session has.</summary>
    internal IReadOnlyList<GuestRegionLayout> Regions =>
        [.. Session.Describe().Regions.Select(region => region.Layout)];

    internal bool IsClosed => Session.EndReason is not null;

    /// <summary>Features with which rings run, and REPLY_ACK.</summary>
    internal static SessionRig Negotiated(
        int pairs = 1, ulong features = Features, ulong protocol = ProtocolFeatures.Offered)
    {
        var rig = new SessionRig(pairs);
        rig.Send(VhostRequest.SET_PROTOCOL_FEATURES, Messages.Number(protocol));
        rig.Send(VhostRequest.SET_FEATURES, Messages.Number(features));
        Assert.False(rig.IsClosed);
        return rig;
    }

    /// <summary>Makes the rig dispose of something, and watch it if it is a descriptor.</summary>
    internal T Own<T>(T thing)
        where T : IDisposable
    {
        if (_owned.Contains(thing))
        {
            return thing;
        }

        _owned.Add(thing);
        FileDescriptor? watched = thing switch
        {
            EventFd eventFd => eventFd.Descriptor,
            GuestRam ram => ram.File,
            FileDescriptor descriptor => descriptor,
            _ => null,
        };
        if (watched is not null)
        {
            Watch.Add(watched);
            _watchedOwn++;
        }

        return thing;
    }

    internal EventFd NewEventFd() => Own(EventFd.Create());

    /// <summary>Sends a message without asking for an answer, and lets the session handle it.</summary>
    internal void Send(VhostRequest request, byte[]? payload = null, params FileDescriptor[] descriptors)
    {
        SendRaw(Messages.Of((uint)request, payload ?? []), descriptors);
        Pump();
    }

    internal void SendRaw(byte[] bytes, params FileDescriptor[] descriptors) => _peer.Send(bytes, descriptors);

    internal void Pump()
    {
        ulong handled;
        do
        {
            handled = Session.MessagesHandled;
        }
        while (Session.OnReadable() && Session.MessagesHandled != handled);
    }

    /// <summary>Sends a message with NEED_REPLY and returns the one answer.</summary>
    internal Reply Ask(VhostRequest request, byte[]? payload = null, params FileDescriptor[] descriptors)
    {
        SendRaw(Messages.Of((uint)request, payload ?? [], flags: 9), descriptors);
        Pump();
        Assert.True(Session.EndReason is null, Session.EndReason);
        Reply reply = Receive() ?? throw new InvalidOperationException($"{request} was not answered");
        Assert.Equal((uint)request, reply.Request);
        Assert.Equal(5u, reply.Flags);
        Assert.Null(Receive());
        return reply;
    }

    /// <summary>Sends a message that must be acknowledged.</summary>
    internal void Acked(VhostRequest request, byte[]? payload = null, params FileDescriptor[] descriptors)
    {
        Reply reply = Ask(request, payload, descriptors);
        Assert.Equal(8, reply.Payload.Length);
        Assert.True(reply.Number == 0, $"{request} was refused: {LastFault()}");
    }

    /// <summary>Sends a message that must be refused, and nothing worse.</summary>
    internal void Nacked(VhostRequest request, byte[]? payload = null, params FileDescriptor[] descriptors)
    {
        ulong before = FaultCount();
        Reply reply = Ask(request, payload, descriptors);
        Assert.Equal(8, reply.Payload.Length);
        Assert.NotEqual(0UL, reply.Number);
        Assert.Equal(before + 1, FaultCount());
        Assert.StartsWith(request.ToString(), LastFault(), StringComparison.Ordinal);
    }

    /// <summary>Sends a message that must cost the connection.</summary>
    internal void Fatal(VhostRequest request, byte[]? payload = null, params FileDescriptor[] descriptors)
    {
        SendRaw(Messages.Of((uint)request, payload ?? [], flags: 9), descriptors);
        Pump();
        Assert.True(IsClosed, $"{request} did not end the connection");
        Assert.Null(Receive());
    }

    /// <summary>Descriptors of what the front-end made that the session holds, its connection included.</summary>
    internal int HeldBySession => Watch.Open().Count - _watchedOwn;

    /// <summary>The next reply; null when there is none.</summary>
    internal Reply? Receive()
    {
        var descriptors = new List<FileDescriptor>();
        var header = new byte[12];
        if (!Fill(header, descriptors))
        {
            return null;
        }

        var payload = new byte[MemoryMarshal.Read<uint>(header.AsSpan(8))];
        Assert.True(Fill(payload, descriptors) || payload.Length == 0);
        descriptors.ForEach(descriptor => Own(descriptor));
        return new Reply(
            MemoryMarshal.Read<uint>(header),
            MemoryMarshal.Read<uint>(header.AsSpan(4)),
            payload,
            [.. descriptors]);
    }

    internal ulong FaultCount() => Faults.All.Aggregate(0UL, (sum, fault) => sum + fault.Count);

    internal string LastFault() => Faults.LastMessage;

    /// <summary>Memory, and rings that run in it.</summary>
    internal GuestRam StartRings(params int[] rings)
    {
        GuestRam ram = SendMemory();
        foreach (int ring in rings)
        {
            StartRing(ram, ring);
        }

        return ram;
    }

    internal GuestRam SendMemory(GuestRam? ram = null)
    {
        ram = Own(ram ?? new GuestRam());
        Send(VhostRequest.SET_MEM_TABLE, Messages.Table(ram.Layout), ram.File);
        return ram;
    }

    internal (EventFd Kick, EventFd Call) StartRing(GuestRam ram, int ring, uint size = 256, uint at = 0)
    {
        EventFd kick = NewEventFd();
        EventFd call = NewEventFd();
        Send(VhostRequest.SET_VRING_NUM, Messages.State((uint)ring, size));
        Send(VhostRequest.SET_VRING_BASE, Messages.State((uint)ring, at));
        Send(VhostRequest.SET_VRING_ADDR, Messages.Payload(ram.RingAt(ring)));
        Send(VhostRequest.SET_VRING_CALL, Messages.Number((ulong)ring), call.Descriptor);
        Send(VhostRequest.SET_VRING_KICK, Messages.Number((ulong)ring), kick.Descriptor);
        Send(VhostRequest.SET_VRING_ENABLE, Messages.State((uint)ring, 1));
        Assert.True(Session.EndReason is null, Session.EndReason);
        Assert.NotNull(Host.Running[ring]);
        return (kick, call);
    }

    /// <summary>The device of the next life; its maker disposes of it.</summary>
    internal void UseHost(FakeHost host)
    {
        Assert.False(Host.AnyRunning);
        Host.Dispose();
        Host = host;
        _ownsHost = false;
    }

    internal void ClosePeer()
    {
        if (_peerIsOpen)
        {
            _peerIsOpen = false;
            _peer.Dispose();
        }
    }

    /// <summary>Ends both sides; nothing may be left of what was sent.</summary>
    public void Dispose()
    {
        Session.Dispose();
        ClosePeer();

        // Looked at while ours are open: the number of a closed eventfd is given to the next one anywhere.
        Assert.Equal(_watchedOwn, Watch.Open().Count);
        Assert.Equal(0, Watch.Mapped());
        _owned.ForEach(thing => thing.Dispose());
        Assert.False(Host.AnyRunning);
        if (_ownsHost)
        {
            Host.Dispose();
        }
    }

    private bool Fill(Span<byte> buffer, List<FileDescriptor> descriptors)
    {
        int filled = 0;
        while (filled < buffer.Length)
        {
            TransferStatus status = _peer.TryReceive(buffer[filled..], out int length, descriptors);
            if (status != TransferStatus.Done)
            {
                Assert.True(filled == 0, "part of a reply");
                return false;
            }

            filled += length;
        }

        return filled != 0;
    }
}
