using Nf.DataPlane.Tests.Vhost.Protocol.Support;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Protocol;
using Nf.DataPlane.Vhost.Session;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Protocol;

/// <summary>How a stream of bytes becomes messages, and when it does not.</summary>
public class FramingTests
{
    private static readonly byte[] GetFeatures = Messages.Of((uint)VhostRequest.GET_FEATURES, []);

    public static TheoryData<int[]> Cuts => new(
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        [12, 8],
        [5, 7, 3, 3, 2],
        [13, 7],
        [19, 1]);

    /// <summary>Everything the front-end may send, with the sizes it may have.</summary>
    public static TheoryData<uint, int> WrongSizes
    {
        get
        {
            var data = new TheoryData<uint, int>();
            foreach (RequestRow row in RequestTable.All)
            {
                int[] sizes = [(int)row.Payload.Min - 1, (int)row.Payload.Min + 1, (int)row.Payload.Max + 1];
                foreach (int size in sizes.Where(size => size >= 0 && !row.Payload.Accepts((uint)size)).Distinct())
                {
                    data.Add((uint)row.Request, size);
                }
            }

            return data;
        }
    }

    [Theory] // A01, A03
    [MemberData(nameof(Cuts))]
    public void Message_CutAnywhere_IsHandledOnce(int[] pieces)
    {
        using var rig = new SessionRig();
        byte[] message = Messages.Of(
            (uint)VhostRequest.SET_PROTOCOL_FEATURES, Messages.Number(ProtocolFeatures.REPLY_ACK));
        int sent = 0;
        foreach (int piece in pieces)
        {
            Assert.Equal(0UL, rig.Session.MessagesHandled);
            rig.SendRaw(message[sent..(sent + piece)]);
            rig.Pump();
            sent += piece;
        }

        Assert.Equal(message.Length, sent);
        Assert.Equal(1UL, rig.Session.MessagesHandled);
        Assert.Equal(ProtocolFeatures.REPLY_ACK, rig.Session.Describe().ProtocolFeatures);
    }

    [Fact] // A02
    public void Messages_SentTogether_AreHandledInOrder()
    {
        using var rig = new SessionRig();
        byte[] second = Messages.Of((uint)VhostRequest.GET_PROTOCOL_FEATURES, []);
        rig.SendRaw([.. GetFeatures, .. second, .. GetFeatures[..5]]);
        rig.Pump();
        Assert.Equal(FakeHost.DefaultFeatures, rig.Receive()!.Number);
        Assert.Equal(ProtocolFeatures.Offered, rig.Receive()!.Number);
        Assert.Null(rig.Receive());
        Assert.False(rig.IsClosed);
    }

    [Theory] // A04, A05
    [InlineData(0, false)]
    [InlineData(5, true)]
    [InlineData(12, true)]
    [InlineData(15, true)]
    public void Stream_EndsInMessage_IsAFaultOnlyThere(int bytes, bool isFault)
    {
        using var rig = new SessionRig();
        byte[] owner = Messages.Of((uint)VhostRequest.SET_OWNER, []);
        rig.SendRaw([.. owner, .. Messages.Of((uint)VhostRequest.SET_FEATURES, new byte[8])[..bytes]]);
        rig.ClosePeer();
        Assert.False(rig.Session.OnReadable());
        Assert.Equal(isFault ? 1UL : 0UL, rig.Faults.Count(VhostFaultKind.Framing));
    }

    [Theory] // A06, A07, A08
    [InlineData(0u)]
    [InlineData(2u)]
    [InlineData(3u)]
    [InlineData(5u)]
    [InlineData(0x11u)]
    [InlineData(0x80000001u)]
    public void Header_FlagsOutOfRule_EndsConnection(uint flags)
    {
        using var rig = new SessionRig();
        rig.SendRaw(Messages.Of((uint)VhostRequest.GET_FEATURES, [], flags));
        rig.Pump();
        Assert.True(rig.IsClosed);
        Assert.Contains($"0x{flags:x}", rig.LastFault(), StringComparison.Ordinal);
    }

    [Theory] // A09
    [InlineData(4097u)]
    [InlineData(0x7fffffffu)]
    [InlineData(0xffffffffu)]
    public void Header_SizeAboveCap_EndsConnectionWithoutReading(uint size)
    {
        using var rig = new SessionRig();
        rig.SendRaw(Messages.WithHeader(9999, 1, size, []));
        long before = GC.GetAllocatedBytesForCurrentThread();
        rig.Pump();
        Assert.True(rig.IsClosed);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
    }

    [Theory] // A10
    [MemberData(nameof(WrongSizes))]
    public void Request_WrongSize_EndsConnection(uint request, int size)
    {
        using var rig = SessionRig.Negotiated();
        rig.Fatal((VhostRequest)request, new byte[size]);
        Assert.Equal(1UL, rig.Faults.Count(VhostFaultKind.Framing));
        Assert.Contains($"{(VhostRequest)request}: size {size}, ", rig.LastFault(), StringComparison.Ordinal);
    }

    [Theory] // A11
    [InlineData(0u)]
    [InlineData(45u)]
    [InlineData(0xffffffffu)]
    public void UnknownRequest_WithAck_IsRefusedAndDrained(uint request)
    {
        using var rig = SessionRig.Negotiated();
        FileDescriptor stray = rig.NewEventFd().Descriptor;
        Assert.NotEqual(0UL, rig.Ask((VhostRequest)request, new byte[100], stray).Number);
        rig.Acked(VhostRequest.SET_OWNER);
        Assert.Equal(1UL, rig.Faults.Count(VhostFaultKind.UnknownRequest));
        Assert.Equal(1, rig.HeldBySession);
    }

    [Fact]
    public void UnknownRequest_WithoutAck_EndsConnection()
    {
        using var rig = SessionRig.Negotiated();
        rig.Send((VhostRequest)45);
        Assert.True(rig.IsClosed);
    }

    [Theory] // A12, A13
    [InlineData(VhostRequest.GET_FEATURES)]
    [InlineData(VhostRequest.GET_PROTOCOL_FEATURES)]
    [InlineData(VhostRequest.GET_QUEUE_NUM)]
    [InlineData(VhostRequest.GET_MAX_MEM_SLOTS)]
    [InlineData(VhostRequest.GET_STATUS)]
    [InlineData(VhostRequest.CHECK_DEVICE_STATE)]
    public void BodyRequest_WithNeedReply_IsAnsweredOnceWithFlagsFive(object request)
    {
        using var rig = SessionRig.Negotiated();
        Assert.Equal(8, rig.Ask((VhostRequest)request).Payload.Length); // Ask checks flags and that nothing follows
        rig.Send((VhostRequest)request);
        Assert.Equal(5u, rig.Receive()!.Flags);
        Assert.Null(rig.Receive());
    }

    [Fact] // A14
    public void Ack_NotNegotiated_IsNotSent()
    {
        using var rig = new SessionRig();
        rig.SendRaw(Messages.Of((uint)VhostRequest.SET_OWNER, [], flags: 9));
        rig.Pump();
        Assert.Null(rig.Receive());

        // The request that negotiates it is still answered by the old rule.
        rig.SendRaw(Messages.Of(
            (uint)VhostRequest.SET_PROTOCOL_FEATURES, Messages.Number(ProtocolFeatures.REPLY_ACK), flags: 9));
        rig.Pump();
        Assert.Null(rig.Receive());
        rig.Acked(VhostRequest.SET_OWNER);
    }

    [Fact] // A15
    public void Ack_OfSuccess_IsEightZeroBytes()
    {
        using var rig = SessionRig.Negotiated();
        Assert.Equal(new byte[8], rig.Ask(VhostRequest.SET_OWNER).Payload);
    }

    [Fact] // A16
    public void Peer_ThatNeverReads_IsCutOffWithoutBlocking()
    {
        using var rig = new SessionRig();
        rig.Session.Descriptor.SetOption(1, 7, 4608); // SOL_SOCKET, SO_SNDBUF
        int sent = 0;
        while (!rig.IsClosed)
        {
            rig.Send(VhostRequest.GET_FEATURES);
            Assert.InRange(++sent, 1, 2000);
        }

        Assert.Equal(1UL, rig.Faults.Count(VhostFaultKind.Stalled));
    }

    [Fact]
    public void Replies_ThatFoundNoRoom_ArriveWholeAndInOrder()
    {
        using var rig = new SessionRig();
        rig.Session.Descriptor.SetOption(1, 7, 4608);
        int sent = 0;
        while (!rig.Session.WantsWrite)
        {
            rig.Send(VhostRequest.GET_FEATURES);
            sent++;
        }

        rig.Send(VhostRequest.GET_PROTOCOL_FEATURES);
        for (int i = 0; i < sent; i++)
        {
            Assert.Equal(FakeHost.DefaultFeatures, rig.Receive()!.Number);
            Assert.True(rig.Session.OnWritable());
        }

        Assert.Equal(ProtocolFeatures.Offered, rig.Receive()!.Number);
        Assert.False(rig.Session.WantsWrite);
        Assert.Null(rig.Receive());
    }

    [Fact] // A17
    public void Peer_GoneBeforeTheReply_EndsSessionQuietly()
    {
        using var rig = new SessionRig();
        rig.SendRaw(GetFeatures);
        rig.ClosePeer();
        Assert.False(rig.Session.OnReadable());
        Assert.NotNull(rig.Session.EndReason);
    }

    [Fact] // A18
    public void Message_HalfSent_TimesOut()
    {
        using var rig = new SessionRig();
        rig.SendRaw(GetFeatures[..7]);
        rig.Pump();
        Assert.True(rig.Session.OnTick(1000));
        Assert.True(rig.Session.OnTick(1000 + VhostSession.MessageTimeoutNs));
        Assert.False(rig.Session.OnTick(1001 + VhostSession.MessageTimeoutNs));
        Assert.Equal(1UL, rig.Faults.Count(VhostFaultKind.Stalled));
    }

    [Fact]
    public void Message_CompletedBeforeTheTimeout_StartsItAnew()
    {
        using var rig = new SessionRig();
        rig.SendRaw(GetFeatures[..7]);
        rig.Pump();
        Assert.True(rig.Session.OnTick(1000));
        rig.SendRaw([.. GetFeatures[7..], .. GetFeatures[..7]]);
        rig.Pump();
        Assert.True(rig.Session.OnTick(1001 + VhostSession.MessageTimeoutNs));
        Assert.True(rig.Session.OnTick(1002 + VhostSession.MessageTimeoutNs));
    }
}
