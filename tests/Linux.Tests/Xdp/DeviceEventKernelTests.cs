using Nf.Linux.Tests.Support;
using static Nf.Linux.Tests.Xdp.UmemRegistrationKernelTests;

namespace Nf.Linux.Tests.Xdp;

/// <summary>What a bound socket notices of its device's fate.</summary>
[Trait("Tier", "kernel")]
public class DeviceEventKernelTests
{
    [KernelFact]
    public void LinkDown_KickSaysEnetdown_AndTrafficResumesAfterUp()
    {
        using var bench = new XskBench();
        using TestSocket receiver = bench.OpenReceiver();
        using TestSocket sender = bench.OpenSender();
        receiver.PostChunks(8);
        bench.Space.Ip("link set va down");
        Assert.Equal(Errno.ENETDOWN, sender.Socket.KickTx());
        Assert.Equal(Errno.ENETDOWN, sender.Socket.WakeRx());
        Assert.Equal(0, sender.Poll(Libc.POLLIN | Libc.POLLOUT));

        bench.Space.Ip("link set va up");
        sender.SendFrames(2);
        Assert.Equal(2, receiver.Receive(2).Count);
    }

    [KernelFact]
    public void DeviceRemoved_KickSaysEnxio_PollStaysSilent()
    {
        using var bench = new XskBench();
        using TestSocket socket = bench.OpenSender();
        bench.Space.Ip("link del va");
        AssertGone(socket);
    }

    [KernelFact]
    public void DeviceMovedToAnotherNamespace_SocketIsAsGoneAsWithTheDevice()
    {
        using var elsewhere = new TestNamespace();
        using var bench = new XskBench();
        using TestSocket socket = bench.OpenSender();
        bench.Space.Ip($"link set va netns {elsewhere.Name}");
        AssertGone(socket);
    }

    [KernelFact]
    public void Channels_ShrinkBelowABoundQueue_IsEinval()
    {
        using var bench = new XskBench(queues: 2);
        using TestSocket socket = bench.OpenSender(new XskSetup { Queue = 1 });
        bench.Space.Run(() =>
        {
            using var ethtool = new Ethtool();
            var error = Assert.Throws<LinuxException>(() => ethtool.SetChannels("va", 1, 1, 0));
            Assert.Equal("ioctl(ETHTOOL_SCHANNELS(rx 1, tx 1, combined 0), va)", error.Call);
            Assert.Equal(Errno.EINVAL, error.Errno);
            ethtool.SetChannels("vb", 2, 2, 0);
        });
    }

    [KernelFact]
    public void PeerMtu_NativeProgramAttached_IsCapped()
    {
        using var bench = new XskBench();
        bench.Attach("to_socket");
        (int exitCode, string output) = Command.TryRun(
            "ip", "-n", bench.Space.Name, "link", "set", "va", "mtu", "4000");
        Assert.NotEqual(0, exitCode);
        Assert.Contains("mtu greater than device maximum", output, StringComparison.Ordinal);
        bench.Space.Ip("link set va mtu 3000");
    }

    [KernelFact]
    public void NamespaceDeleted_OpenSocket_KeepsItsDeviceAlive()
    {
        var space = new TestNamespace();
        var pair = new VethPair(space);
        using var socket = new TestSocket(space, pair.FirstIfindex, new XskSetup());
        space.Dispose();
        socket.QueueFrames(1);
        Assert.Equal(Errno.None, socket.Socket.KickTx());
        Assert.Equal(0u, socket.Tx.Level);
    }

    private static void AssertGone(TestSocket socket)
    {
        Assert.Equal(Errno.ENXIO, socket.Socket.KickTx());
        Assert.Equal(Errno.ENXIO, socket.Socket.WakeRx());
        Assert.Equal(0, socket.Poll(Libc.POLLIN | Libc.POLLOUT));
        Assert.Equal((int)Errno.ENETDOWN, socket.Socket.Descriptor.GetOption<int>(Libc.SOL_SOCKET, Libc.SO_ERROR));
        Assert.Equal(0, socket.Socket.Descriptor.GetOption<int>(Libc.SOL_SOCKET, Libc.SO_ERROR));
        Assert.Equal(Errno.EBUSY, ErrnoOf(() => new TestRing<ulong>(socket.Socket, XdpRing.Fill, 64).Dispose()));
    }
}
