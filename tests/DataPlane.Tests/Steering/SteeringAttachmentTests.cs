using System.Net.Sockets;
using Nf.DataPlane.Tests.Xdp;
using Nf.DataPlane.Xdp;
using Nf.V1;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Tests.Steering;

/// <summary>Packets meet the same rules whatever hook, kind of program and kind of attachment they run in.</summary>
[Trait("Tier", "kernel")]
public sealed class SteeringAttachmentTests : SteeringTest
{
    // A frame of several buffers on a veth, where one buffer holds less than a page.
    private const int JumboMtu = 9000;
    private const int JumboBytes = 8000;

    [Theory]
    [InlineData(true, true, false)]
    [InlineData(true, true, true)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(false, true, true)]
    [InlineData(false, false, false)]
    public void Rules_SetExchangedAndAdopted_DecideEveryPacket(bool byLink, bool driver, bool frags)
    {
        BeginAnew(byLink ? XdpAttachPreference.Link : XdpAttachPreference.Netlink);
        (Mode, Frags) = (driver ? XdpMode.Native : XdpMode.Generic, frags);
        SteeringStatus granted = Set(Rule("no", 5001, Drop), Rule("yes", Port, Pass)).Status;
        string attachment = Life.Resources.Steerings["st"].Program!.Attachment;
        Assert.Equal((byLink ? "link" : "netlink", Mode), (attachment, granted.XdpMode));
        using Socket listener = Lab.ListenInside(Port);
        using Socket other = Lab.ListenInside(5001);
        using Socket toPort = Lab.ConnectOutside(Port);
        using Socket toOther = Lab.ConnectOutside(5001);

        toOther.Send([1]);
        toPort.Send([2]);
        Assert.Equal((1, 2), (listener.Receive(Buffer), Buffer[0]));
        Assert.Equal(0, other.Available);

        // The other way round, by an exchange of programs.
        Set(Rule("no", Port, Drop), Rule("yes", 5001, Pass));
        toPort.Send([3]);
        toOther.Send([4]);
        Assert.Equal((1, 4), (other.Receive(Buffer), Buffer[0]));
        Assert.Equal(0, listener.Available);

        Life.Freeze();
        NextLife(Keeper.Snapshot());
        Assert.Empty(Life.AdoptionFaults);
        toPort.Send([5]);
        toOther.Send([6]);
        Assert.Equal((1, 6), (other.Receive(Buffer), Buffer[0]));
        Assert.Equal(0, listener.Available);
        Assert.Equal([2ul, 2ul], Status().Rules.Select(rule => rule.Packets));
    }

    [Fact]
    public void Rules_ForFrags_ReadTheHeadersOfFramesOfSeveralBuffers()
    {
        Lab.Inside($"link set {VethLab.Device} mtu {JumboMtu}");
        Lab.Outside($"link set {VethLab.Peer} mtu {JumboMtu}");
        (Mode, Frags) = (XdpMode.Native, true);
        Set(Rule("no", 5001, Drop), Rule("yes", Port, Pass));
        using Socket listener = Lab.ListenInside(Port);
        using Socket other = Lab.ListenInside(5001);
        using Socket toPort = Lab.ConnectOutside(Port);
        using Socket toOther = Lab.ConnectOutside(5001);
        byte[] jumbo = new byte[JumboBytes];
        Random.Shared.NextBytes(jumbo);

        toOther.Send(jumbo);
        toPort.Send(jumbo);

        Assert.Equal(JumboBytes, listener.Receive(Buffer));
        Assert.Equal(jumbo, Buffer.AsSpan(0, JumboBytes).ToArray());
        Assert.Equal(0, other.Available);
        Assert.Equal(
            [(1ul, JumboBytes + 42ul), (1ul, JumboBytes + 42ul)], Status().Rules.Select(r => (r.Packets, r.Bytes)));
    }
}
