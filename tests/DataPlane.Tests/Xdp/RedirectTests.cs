using System.Net.Sockets;
using Nf.DataPlane.Xdp;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Tests.Xdp;

/// <summary>Where packets go.</summary>
[Trait("Tier", "kernel")]
public sealed class RedirectTests : IDisposable
{
    private const int Port = 5000;

    private readonly VethLab _lab = VethLab.Create();
    private readonly InterfacePrograms _programs = new(XdpAttachPreference.Link);
    private readonly byte[] _buffer = new byte[2048];

    public void Dispose()
    {
        _programs.Dispose();
        _lab.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Queue_PassesToTheStackUnlessItHasASocket(bool native)
    {
        InterfaceProgram program = _programs.Acquire(
            _lab.Inner, _lab.Ifindex, native ? XdpMode.Native : XdpMode.Generic, needFrags: false);
        using CountingSocket socket = CountingSocket.Bind(_lab.Inner, _lab.Ifindex, 0);
        using Socket listener = _lab.ListenInside(Port);
        using Socket sender = _lab.ConnectOutside(Port);

        // Bound, but not in the map: the stack has it.
        sender.Send([1]);
        Assert.Equal((1, 1), (listener.Receive(_buffer), _buffer[0]));
        Assert.Equal(0ul, socket.Frames);

        program.SetSocket(0, socket.Socket);
        sender.Send([2]);
        Await.Until(() => socket.Frames == 1, "the frame at the socket");
        Assert.Equal(0, listener.Available);

        program.ClearSocket(0);
        program.ClearSocket(0);
        sender.Send([3]);
        Assert.Equal((1, 3), (listener.Receive(_buffer), _buffer[0]));
        Assert.Equal(1ul, socket.Frames);
    }

    [Fact]
    public void Queue_SocketClosedWithoutBeingCleared_PassesToTheStackAgain()
    {
        InterfaceProgram program = _programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: false);
        CountingSocket socket = CountingSocket.Bind(_lab.Inner, _lab.Ifindex, 0);
        program.SetSocket(0, socket.Socket);
        socket.Dispose();
        using Socket listener = _lab.ListenInside(Port);
        using Socket sender = _lab.ConnectOutside(Port);

        sender.Send([1]);

        Assert.Equal((1, 1), (listener.Receive(_buffer), _buffer[0]));
    }

    [Theory]
    [InlineData(XdpAttachPreference.Link)]
    [InlineData(XdpAttachPreference.Netlink)]
    internal void ChangeToFrags_InTheMiddleOfAFlood_LosesNoFrameAndPassesNone(XdpAttachPreference preference)
    {
        const ulong FramesAround = 2000;
        using var programs = new InterfacePrograms(preference);
        InterfaceProgram program = programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Native, needFrags: false);
        using CountingSocket socket = CountingSocket.Bind(_lab.Inner, _lab.Ifindex, 0);
        program.SetSocket(0, socket.Socket);
        using Socket listener = _lab.ListenInside(Port);
        using Flood flood = Flood.Start(_lab.ConnectOutside(Port), socket);

        Await.Until(() => flood.Sent > FramesAround, "the flood before the change");
        programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: true);
        ulong atChange = flood.Sent;
        Await.Until(() => flood.Sent > atChange + FramesAround, "the flood after the change");
        flood.Stop();

        Await.Until(() => socket.Frames == flood.Sent, "every frame at the socket");
        Assert.Equal(0, listener.Available);
        programs.Release(program);
        programs.Release(program);
    }
}
