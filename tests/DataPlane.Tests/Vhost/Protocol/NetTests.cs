using System.Buffers.Binary;
using Nf.DataPlane.Tests.Vhost.Protocol.Support;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Protocol;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Protocol;

/// <summary>What is particular to a net device.</summary>
public class NetTests
{
    [Fact] // I10
    public void Rarp_IsSentForTheGuestsAddress()
    {
        using var rig = SessionRig.Negotiated();
        rig.Acked(VhostRequest.SEND_RARP, [0x52, 0x54, 0, 1, 2, 3, 0xff, 0xff]);
        Assert.Equal("rarp 525400010203", rig.Host.Calls[^1]);
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(0x0000_0605_0403_0201UL)] // a group address
    [InlineData(0x0000_ffff_ffff_ffffUL)]
    [InlineData(0xffff_0000_0000_0000UL)]
    public void Rarp_ForNoStation_IsRefused(ulong mac)
    {
        using var rig = SessionRig.Negotiated();
        rig.Nacked(VhostRequest.SEND_RARP, Messages.Number(mac));
        Assert.Empty(rig.Host.Calls);
    }

    [Theory] // I09
    [InlineData(67UL, false)]
    [InlineData(68UL, true)]
    [InlineData(65535UL, true)]
    [InlineData(65536UL, false)]
    [InlineData(ulong.MaxValue, false)]
    public void Mtu_IsTakenWithinItsBounds(ulong mtu, bool legal)
    {
        using var rig = SessionRig.Negotiated();
        Action<VhostRequest, byte[], FileDescriptor[]> expect = legal ? rig.Acked : rig.Nacked;
        expect(VhostRequest.NET_SET_MTU, Messages.Number(mtu), []);
        Assert.Equal(legal ? [$"mtu {mtu}"] : [], rig.Host.Calls);
    }

    [Fact]
    public void Mtu_WithoutTheDeviceFeature_IsRefused()
    {
        using var rig = SessionRig.Negotiated();
        rig.Host.OfferedFeatures &= ~VirtioFeatures.Mtu;
        rig.Nacked(VhostRequest.NET_SET_MTU, Messages.Number(1500));
    }

    [Fact] // I11
    public void Config_HasAddressLinkPairsAndMtu()
    {
        using var rig = SessionRig.Negotiated();
        byte[] reply = rig.Ask(VhostRequest.GET_CONFIG, Messages.Config(0, 24, 0, new byte[24])).Payload;
        Assert.Equal(12 + 24, reply.Length);
        ReadOnlySpan<byte> config = reply.AsSpan(12);
        Assert.Equal([0x52, 0x02, 0x03, 0x04, 0x05, 0x06], config[..6].ToArray());
        Assert.Equal(1, BinaryPrimitives.ReadUInt16LittleEndian(config[6..]));
        Assert.Equal(1, BinaryPrimitives.ReadUInt16LittleEndian(config[8..]));
        Assert.Equal(1500, BinaryPrimitives.ReadUInt16LittleEndian(config[10..]));
        byte[] part = rig.Ask(VhostRequest.GET_CONFIG, Messages.Config(10, 2, 3, new byte[2])).Payload;
        Assert.Equal(reply[(12 + 10)..(12 + 12)], part[12..]);
    }

    [Theory] // I11
    [InlineData(256u, 1)]
    [InlineData(1u, 256)]
    [InlineData(0xffffffffu, 2)]
    public void Config_OutsideTheSpace_IsAnsweredByNothing(uint offset, int size)
    {
        using var rig = SessionRig.Negotiated();
        byte[] request = Messages.Config(offset, (uint)size, 0, new byte[size]);
        Assert.Empty(rig.Ask(VhostRequest.GET_CONFIG, request).Payload);
        rig.Nacked(VhostRequest.SET_CONFIG, request);
    }

    [Fact]
    public void Config_WhoseSizeIsNotItsOwn_EndsConnection()
    {
        using var rig = SessionRig.Negotiated();
        rig.Fatal(VhostRequest.GET_CONFIG, Messages.Config(0, 25, 0, new byte[24]));
    }

    [Fact] // I11
    public void Config_IsNotTheGuestsToWriteButAMigrations()
    {
        using var rig = SessionRig.Negotiated();
        rig.Nacked(VhostRequest.SET_CONFIG, Messages.Config(0, 6, 0, new byte[6]));
        rig.Acked(VhostRequest.SET_CONFIG, Messages.Config(0, 6, 1, [2, 4, 6, 8, 10, 12]));
        byte[] reply = rig.Ask(VhostRequest.GET_CONFIG, Messages.Config(0, 12, 0, new byte[12])).Payload;
        Assert.Equal([2, 4, 6, 8, 10, 12, 1, 0], reply[12..20]);
    }

    [Fact]
    public void ConfigChange_IsToldOnceARingRuns()
    {
        using var rig = SessionRig.Negotiated();
        (UnixStreamSocket ours, UnixStreamSocket theirs) = UnixStreamSocket.SocketPair();
        rig.Own(ours);
        rig.Watch.Add(theirs.Descriptor);
        rig.Acked(VhostRequest.SET_BACKEND_REQ_FD, [], theirs.Descriptor);
        theirs.Dispose();
        var message = new byte[100];
        rig.Session.OnConfigChanged();
        Assert.Equal(TransferStatus.WouldBlock, ours.TryReceive(message, out _, [])); // suspended: says nothing
        rig.StartRings(0);
        Assert.Equal(TransferStatus.Done, ours.TryReceive(message, out int length, []));
        Assert.Equal(Messages.Of(2, []), message[..length]); // CONFIG_CHANGE_MSG, version 1, no answer wanted
        rig.Session.OnConfigChanged();
        rig.Session.OnConfigChanged();
        Assert.Equal(TransferStatus.Done, ours.TryReceive(message, out length, []));
        Assert.Equal(24, length);
    }

    [Fact]
    public void ConfigChange_ToAFrontEndThatDoesNotRead_NeitherBlocksNorPilesUp()
    {
        using var rig = SessionRig.Negotiated();
        (UnixStreamSocket ours, UnixStreamSocket theirs) = UnixStreamSocket.SocketPair();
        rig.Own(ours);
        rig.Watch.Add(theirs.Descriptor);
        rig.Acked(VhostRequest.SET_BACKEND_REQ_FD, [], theirs.Descriptor);
        theirs.Dispose();
        rig.StartRings(0);
        for (int i = 0; i < 2000; i++)
        {
            rig.Session.OnConfigChanged();
        }

        ours.Dispose();
        rig.Session.OnConfigChanged();
        Assert.True(rig.Session.OnTick(1));
    }

    [Fact]
    public void BackendChannel_ThatIsNoStreamSocket_IsRefused()
    {
        using var rig = SessionRig.Negotiated();
        rig.Nacked(VhostRequest.SET_BACKEND_REQ_FD, [], rig.NewEventFd().Descriptor);
        (SeqPacketSocket first, SeqPacketSocket second) = SeqPacketSocket.SocketPair();
        rig.Own(first);
        rig.Own(second);
        rig.Nacked(VhostRequest.SET_BACKEND_REQ_FD, [], first.Descriptor);
    }
}
