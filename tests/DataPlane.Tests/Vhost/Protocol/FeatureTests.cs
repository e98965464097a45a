using Nf.DataPlane.Tests.Vhost.Protocol.Support;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Protocol;
using Nf.DataPlane.Vhost.Session;

namespace Nf.DataPlane.Tests.Vhost.Protocol;

/// <summary>What both sides agree on.</summary>
public class FeatureTests
{
    /// <summary>Requests that need a protocol feature, or are not offered at all.</summary>
    public static TheoryData<uint> Gated => new(
        RequestTable.All.Where(row => row.Gate != 0 || row.Handler is null).Select(row => (uint)row.Request));

    [Fact] // C01
    public void Features_Asked_AreAllThatTheDeviceOffers()
    {
        using var rig = new SessionRig();
        rig.Send(VhostRequest.GET_FEATURES);
        ulong offered = rig.Receive()!.Number;
        Assert.Equal(FakeHost.DefaultFeatures, offered);
        Assert.Equal(
            VirtioFeatures.ProtocolFeatures | VirtioFeatures.LogAll,
            offered & (VirtioFeatures.ProtocolFeatures | VirtioFeatures.LogAll));
    }

    [Theory] // C02
    [InlineData(VirtioFeatures.AccessPlatform)]
    [InlineData(1UL << 63)]
    [InlineData(1UL << 57)]
    public void Feature_NotOffered_IsRefusedAndTheOldStay(ulong bit)
    {
        using var rig = SessionRig.Negotiated();
        rig.Nacked(VhostRequest.SET_FEATURES, Messages.Number(SessionRig.Features | bit));
        Assert.Equal(SessionRig.Features, rig.Session.Describe().Features);
    }

    [Theory] // C03, C04: the seed tests the number 30 instead of the bit
    [InlineData(VirtioFeatures.Version1)]
    [InlineData(VirtioFeatures.GuestChecksum)]
    [InlineData(0UL)]
    public void Features_WithoutProtocolFeatures_EnableAllRings(ulong features)
    {
        using var rig = new SessionRig(pairs: 2);
        rig.Send(VhostRequest.SET_FEATURES, Messages.Number(features));
        Assert.All(rig.Host.Enabled, Assert.True);
        Assert.All(rig.Session.Describe().Rings, ring => Assert.True(ring.Enabled));
    }

    [Fact] // C05
    public void Features_WithProtocolFeatures_LeaveRingsDisabled()
    {
        using var rig = SessionRig.Negotiated(pairs: 2);
        Assert.All(rig.Host.Enabled, Assert.False);
        rig.Acked(VhostRequest.SET_VRING_ENABLE, Messages.State(2, 1));
        Assert.Equal([false, false, true, false], rig.Host.Enabled);
    }

    [Fact] // C06
    public void Features_OfARunningDevice_ChangeOnlyInLogging()
    {
        using var rig = SessionRig.Negotiated();
        rig.StartRings(0, 1);
        rig.Acked(VhostRequest.SET_FEATURES, Messages.Number(SessionRig.Features));
        rig.Acked(VhostRequest.SET_FEATURES, Messages.Number(SessionRig.Features | VirtioFeatures.LogAll));
        rig.Acked(VhostRequest.SET_FEATURES, Messages.Number(SessionRig.Features));
        rig.Nacked(VhostRequest.SET_FEATURES, Messages.Number(SessionRig.Features | VirtioFeatures.EventIndex));
        rig.Nacked(
            VhostRequest.SET_FEATURES, Messages.Number(SessionRig.Features & ~VirtioFeatures.ProtocolFeatures));
        Assert.Equal(SessionRig.Features, rig.Session.Describe().Features);
        Assert.True(rig.Host.AnyRunning);
    }

    [Fact] // C07
    public void ProtocolFeatures_BeforeFeatures_AreTaken()
    {
        using var rig = new SessionRig();
        rig.Send(VhostRequest.GET_PROTOCOL_FEATURES);
        ulong offered = rig.Receive()!.Number;
        rig.Send(VhostRequest.SET_PROTOCOL_FEATURES, Messages.Number(offered));
        Assert.False(rig.IsClosed);
        Assert.Null(rig.Session.Describe().Features);
        Assert.Equal(offered, rig.Session.Describe().ProtocolFeatures);
    }

    [Theory] // C08
    [InlineData(ProtocolFeatures.PAGEFAULT)]
    [InlineData(ProtocolFeatures.CROSS_ENDIAN)]
    [InlineData(ProtocolFeatures.SHMEM)]
    [InlineData(1UL << 17)]
    [InlineData(1UL << 20)]
    [InlineData(1UL << 63)]
    public void ProtocolFeature_NotOffered_IsRefused(ulong bit)
    {
        using var rig = SessionRig.Negotiated();
        rig.Nacked(VhostRequest.SET_PROTOCOL_FEATURES, Messages.Number(ProtocolFeatures.REPLY_ACK | bit));
        Assert.Equal(ProtocolFeatures.Offered, rig.Session.Describe().ProtocolFeatures);
    }

    [Fact] // C09
    public void Inband_WithoutWhatItNeeds_EndsConnection()
    {
        using var rig = SessionRig.Negotiated();
        rig.Fatal(
            VhostRequest.SET_PROTOCOL_FEATURES,
            Messages.Number(ProtocolFeatures.INBAND_NOTIFICATIONS | ProtocolFeatures.REPLY_ACK));
    }

    [Theory] // C10
    [MemberData(nameof(Gated))]
    public void GatedRequest_WithoutItsFeature_IsRefused(uint number)
    {
        using var rig = SessionRig.Negotiated(protocol: ProtocolFeatures.REPLY_ACK);
        RequestRow row = RequestTable.Find((VhostRequest)number)!;
        byte[] payload = new byte[row.Payload.Min];
        Nf.Linux.FileDescriptor[] descriptors =
            row.Descriptors == DescriptorRule.One ? [rig.NewEventFd().Descriptor] : [];
        switch (row.Reply)
        {
            case ReplyKind.Body:
                rig.Fatal(row.Request, payload, descriptors);
                break;
            case ReplyKind.EmptyWhenRefused:
                Assert.Empty(rig.Ask(row.Request, payload, descriptors).Payload);
                break;
            case ReplyKind.ZeroesWhenRefused:
                Reply reply = rig.Ask(row.Request, payload, descriptors);
                Assert.Equal(new byte[24], reply.Payload);
                Assert.Empty(reply.Descriptors);
                break;
            default:
                rig.Nacked(row.Request, payload, descriptors);
                break;
        }

        Assert.Equal(1UL, rig.Faults.Count(VhostFaultKind.NotNegotiated));
    }

    [Theory] // C11
    [InlineData(1)]
    [InlineData(4)]
    public void QueueCount_Asked_IsThatOfRings(int pairs)
    {
        using var rig = SessionRig.Negotiated(pairs);
        Assert.Equal((ulong)(2 * pairs), rig.Ask(VhostRequest.GET_QUEUE_NUM).Number);
    }

    [Theory] // C12
    [InlineData(0UL, 10u)]
    [InlineData(VirtioFeatures.MergeableBuffers, 12u)]
    [InlineData(VirtioFeatures.Version1, 12u)]
    [InlineData(VirtioFeatures.RingPacked, 12u)]
    public void HeaderBytes_FollowFeatures(ulong features, uint bytes) =>
        Assert.Equal(bytes, VirtioFeatures.HeaderBytes(features));

    [Fact] // E22, first half
    public void ResetOwner_ChangesNothing()
    {
        using var rig = SessionRig.Negotiated();
        rig.StartRings(0);
        int calls = rig.Host.Calls.Count;
        rig.Acked(VhostRequest.RESET_OWNER);
        Assert.Equal(calls, rig.Host.Calls.Count);
    }

    [Fact] // E22, second half
    public void ResetDevice_MakesItAsNewButKeepsMemoryAndProtocolFeatures()
    {
        using var rig = SessionRig.Negotiated();
        rig.StartRings(0, 1);
        rig.Acked(VhostRequest.SET_STATUS, Messages.Number(15));
        rig.Acked(VhostRequest.RESET_DEVICE);
        VhostDescription after = rig.Session.Describe();
        Assert.False(rig.Host.AnyRunning);
        Assert.All(rig.Host.Enabled, Assert.False);
        Assert.Null(after.Features);
        Assert.Equal(0, after.Status);
        Assert.Equal(ProtocolFeatures.Offered, after.ProtocolFeatures);
        Assert.Single(after.Regions);
        Assert.All(after.Rings, ring => Assert.Equal(0u, ring.Size));
    }

    [Fact] // E23
    public void Status_IsEchoed_ZeroResetsAndMoreThanAByteIsRefused()
    {
        using var rig = SessionRig.Negotiated();
        rig.StartRings(0);
        rig.Acked(VhostRequest.SET_STATUS, Messages.Number(0xf));
        Assert.Equal(0xfUL, rig.Ask(VhostRequest.GET_STATUS).Number);
        rig.Nacked(VhostRequest.SET_STATUS, Messages.Number(256));
        Assert.Equal(0xfUL, rig.Ask(VhostRequest.GET_STATUS).Number);
        Assert.True(rig.Host.AnyRunning);
        rig.Acked(VhostRequest.SET_STATUS, Messages.Number(0));
        Assert.False(rig.Host.AnyRunning);
        Assert.Equal(0UL, rig.Ask(VhostRequest.GET_STATUS).Number);
    }

    [Fact]
    public void Status_ZeroBeforeTheBasesAreAsked_AsQemu72Stops_TellsThemAllTheSame()
    {
        using var rig = SessionRig.Negotiated();
        rig.StartRings(0);
        rig.Host.StopsAt[0] = 0x1a12;
        rig.Acked(VhostRequest.SET_STATUS, Messages.Number(0));
        var state = rig.Ask(VhostRequest.GET_VRING_BASE, Messages.State(0, 0)).As<VringStatePayload>();
        Assert.Equal(0x1a12u, state.Num);
    }
}
