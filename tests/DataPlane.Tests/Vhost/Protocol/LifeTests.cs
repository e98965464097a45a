using Nf.DataPlane.Tests.Vhost.Protocol.Support;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Protocol;
using Nf.DataPlane.Vhost.Session;
using Nf.Internal.V1;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Protocol;

/// <summary>Connections end, and processes do; what is left of them.</summary>
public class LifeTests
{
    [Fact] // K10
    public void Connections_MadeAndEndedOften_LeaveNothing()
    {
        using var host = new FakeHost();
        for (int i = 0; i < 100; i++)
        {
            using var rig = new SessionRig(1, host, ownsHost: false); // looks for leaks when it ends
            rig.Send(VhostRequest.SET_PROTOCOL_FEATURES, Messages.Number(ProtocolFeatures.Offered));
            rig.Send(VhostRequest.SET_FEATURES, Messages.Number(SessionRig.Features));
            rig.StartRings(0, 1);
        }

        Assert.Equal(200, host.Calls.Count(call => call.StartsWith("start", StringComparison.Ordinal)));
        Assert.Equal(200, host.Calls.Count(call => call.StartsWith("stop", StringComparison.Ordinal)));
    }

    [Fact]
    public void FrontEnd_Gone_StopsAndDisablesEveryRing()
    {
        using var rig = SessionRig.Negotiated(2);
        rig.StartRings(0, 1, 2, 3);
        rig.ClosePeer();
        Assert.False(rig.Session.OnReadable());
        Assert.Equal("the front-end has left", rig.Session.EndReason);
        rig.Session.Dispose();
        Assert.False(rig.Host.AnyRunning);
        Assert.All(rig.Host.Enabled, Assert.False);
        Assert.Equal(0, rig.HeldBySession);
    }

    [Fact] // K09: whatever is in hand when the process dies, the record says so
    public unsafe void Busy_IsSetFromTheFirstByteUntilWhatChangedIsStored()
    {
        using var rig = new SessionRig();
        var seen = new List<uint>();
        rig.Host.OnChanged = () => seen.Add(rig.Host.SessionRecord->Busy);
        byte[] message = Messages.Of((uint)VhostRequest.SET_FEATURES, Messages.Number(SessionRig.Features));
        rig.SendRaw(message[..13]);
        rig.Pump();
        Assert.Equal(1u, rig.Host.SessionRecord->Busy);
        rig.SendRaw(message[13..]);
        rig.Pump();
        Assert.Equal(0u, rig.Host.SessionRecord->Busy);
        Assert.Equal([1u], seen);
    }

    [Fact]
    public void Changes_AreStoredOncePerTurnAndNotForQuestions()
    {
        using var rig = SessionRig.Negotiated();
        int before = rig.Host.Changes;
        rig.Ask(VhostRequest.GET_FEATURES);
        rig.Ask(VhostRequest.GET_QUEUE_NUM);
        rig.Ask(VhostRequest.GET_CONFIG, Messages.Config(0, 1, 0, new byte[1]));
        Assert.Equal(before, rig.Host.Changes);
        byte[] owner = Messages.Of((uint)VhostRequest.SET_OWNER, []);
        rig.SendRaw([.. owner, .. owner, .. owner]);
        rig.Pump();
        Assert.Equal(before + 1, rig.Host.Changes);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public unsafe void NextLife_GoesOnWhereTheLastOneWas(bool packed)
    {
        using var rig = SessionRig.Negotiated(2, Everything(packed));
        GuestRam ram = SetUpEverything(rig);
        uint expected = Advance(rig, ram, packed);
        (StoredVhostSession state, FileDescriptor[] descriptors) = Kept(rig.Session);
        using var next = new FakeHost(2);
        *next.Record(1) = *rig.Host.Record(1);
        *next.Record(0) = *rig.Host.Record(0);
        rig.Session.Dispose();
        rig.Session = VhostSession.Restore(
            StoredVhostSession.Parser.ParseFrom(Google.Protobuf.MessageExtensions.ToByteArray(state)),
            descriptors,
            next,
            rig.Faults);
        rig.UseHost(next);
        VhostDescription before = rig.Session.Describe();
        Assert.Equal(Everything(packed), before.Features);
        Assert.Equal(ProtocolFeatures.Offered, before.ProtocolFeatures);
        Assert.Equal((15, (ushort?)9000), (before.Status, before.Mtu));
        Assert.Equal([ram.Layout], rig.Regions);
        Assert.Equal([true, true, false, false], next.Running.Select(setup => setup is not null));
        Assert.Equal([true, true, false, false], next.Enabled);
        Assert.Equal(expected, next.Running[1]!.Base);
        Assert.NotNull(next.Running[1]!.Log);
        Assert.NotNull(next.Running[1]!.Inflight);
        Assert.NotNull(next.Kicks[1]);
        Assert.True(before.HasBackendChannel);

        // The front-end has noticed nothing: its next messages are answered as ever.
        rig.Acked(VhostRequest.SET_VRING_ENABLE, Messages.State(0, 0));
        var stopped = rig.Ask(VhostRequest.GET_VRING_BASE, Messages.State(1, 0)).As<VringStatePayload>();
        Assert.Equal(expected, stopped.Num);
        Assert.Equal(state.Rings.Count, before.Rings.Count);
    }

    [Theory]
    [InlineData("busy")]
    [InlineData("version")]
    [InlineData("rings")]
    [InlineData("features")]
    [InlineData("descriptors")]
    [InlineData("memory")]
    public unsafe void NextLife_ThatCannotGoOn_SaysSoAndHoldsNothing(string what)
    {
        using var rig = SessionRig.Negotiated(2, Everything(packed: false));
        SetUpEverything(rig);
        (StoredVhostSession state, FileDescriptor[] descriptors) = Kept(rig.Session);
        rig.Session.Dispose();
        using var next = new FakeHost(2);
        *next.Record(1) = *rig.Host.Record(1);
        switch (what)
        {
            case "busy":
                next.SessionRecord->Busy = 1;
                break;
            case "version":
                state.Version = 2;
                break;
            case "rings":
                state.Rings.RemoveAt(3);
                break;
            case "features":
                next.OfferedFeatures &= ~VirtioFeatures.Mtu;
                break;
            case "descriptors":
                descriptors[^1].Dispose();
                descriptors = descriptors[..^1];
                break;
            default:
                state.Regions[0].SizeBytes = 1UL << 40;
                break;
        }

        Assert.Throws<VhostRefusedException>(() => VhostSession.Restore(state, descriptors, next, rig.Faults));
        Assert.Equal(0, rig.HeldBySession);
        Assert.False(next.AnyRunning);
    }

    [Fact]
    public void Descriptors_OfTheLargestSession_FitOneMessage()
    {
        const int PairsMax = 8;
        int descriptors = 1 + VhostSession.MemorySlots + (3 * 2 * PairsMax) + 4;
        Assert.InRange(descriptors, 0, UnixSocket.DescriptorCountMax);
    }

    private static ulong Everything(bool packed) => SessionRig.Features | VirtioFeatures.LogAll |
        (packed ? VirtioFeatures.RingPacked : 0);

    private static GuestRam SetUpEverything(SessionRig rig)
    {
        FileDescriptor log = rig.Own(MemFile.Create("log", 4096, new MemFileOptions()));
        rig.Ask(VhostRequest.SET_LOG_BASE, Messages.Payload(new SharedFilePayload(4096, 0)), log);
        rig.Acked(VhostRequest.SET_LOG_FD, [], rig.NewEventFd().Descriptor);
        rig.Acked(VhostRequest.NET_SET_MTU, Messages.Number(9000));
        rig.Acked(VhostRequest.SET_STATUS, Messages.Number(15));
        Support.Reply region = rig.Ask(
            VhostRequest.GET_INFLIGHT_FD, Messages.Payload(new InflightPayload(0, 0, 4, 256, 0)));
        rig.Acked(VhostRequest.SET_INFLIGHT_FD, region.Payload, region.Descriptors);
        rig.Acked(VhostRequest.SET_VRING_ERR, Messages.Number(1), rig.NewEventFd().Descriptor);
        (UnixStreamSocket ours, UnixStreamSocket theirs) = UnixStreamSocket.SocketPair();
        rig.Own(ours);
        rig.Watch.Add(theirs.Descriptor);
        rig.Acked(VhostRequest.SET_BACKEND_REQ_FD, [], theirs.Descriptor);
        theirs.Dispose();
        return rig.StartRings(0, 1);
    }

    // What the worker did before it died: the ring itself, and for a packed one the record, say how far it was.
    private static unsafe uint Advance(SessionRig rig, GuestRam ram, bool packed)
    {
        const ushort Used = 7;
        if (packed)
        {
            rig.Host.Record(1)->Base = 0x8007_8007;
            return 0x8007_8007;
        }

        long usedIndex = (long)(ram.RingAt(1).Used - ram.Layout.UserAddress) + 2;
        ram.File.WriteAt(BitConverter.GetBytes(Used), usedIndex);
        return Used;
    }

    // As the keeper holds them: copies of the descriptors.
    private static (StoredVhostSession State, FileDescriptor[] Descriptors) Kept(VhostSession session)
    {
        (StoredVhostSession state, IReadOnlyList<FileDescriptor> descriptors) = session.Save();
        return (state, [.. descriptors.Select(descriptor => descriptor.Duplicate())]);
    }
}
