using Nf.Linux.Tests.Support;
using static Nf.Linux.Tests.Xdp.UmemRegistrationKernelTests;

namespace Nf.Linux.Tests.Bpf;

/// <summary>The map that leads packets to sockets.</summary>
[Trait("Tier", "kernel")]
public class XskMapKernelTests
{
    [KernelFact]
    public void Update_Flags_AnsweredAsDocumented()
    {
        using BpfMap map = Create();
        using AfXdpSocket first = AfXdpSocket.Create();
        using AfXdpSocket second = AfXdpSocket.Create();
        using EventFd noSocket = EventFd.Create();
        (SeqPacketSocket unix, SeqPacketSocket other) = SeqPacketSocket.SocketPair();
        using (unix)
        using (other)
        {
            Assert.Equal(Errno.ENOENT, Put(map, 0, first.Descriptor, LinuxBpf.BPF_EXIST));
            Assert.Equal(Errno.None, Put(map, 0, first.Descriptor, LinuxBpf.BPF_NOEXIST));
            Assert.Equal(Errno.EEXIST, Put(map, 0, second.Descriptor, LinuxBpf.BPF_NOEXIST));
            Assert.Equal(Errno.None, Put(map, 0, second.Descriptor, LinuxBpf.BPF_EXIST));
            Assert.Equal(Errno.E2BIG, Put(map, 4, first.Descriptor, LinuxBpf.BPF_ANY));
            Assert.Equal(Errno.EINVAL, Put(map, 0, first.Descriptor, 3));
            Assert.Equal(Errno.ENOTSOCK, Put(map, 0, noSocket.Descriptor, LinuxBpf.BPF_ANY));
            Assert.Equal(Errno.EOPNOTSUPP, Put(map, 0, unix.Descriptor, LinuxBpf.BPF_ANY));
            Assert.Equal(Errno.EOPNOTSUPP, ErrnoOf(() => map.TryLookup(0u, out uint _)));
            Assert.Equal(Errno.EINVAL, ErrnoOf(() => map.Delete(4u)));
            Assert.True(map.Delete(0u));
            Assert.True(map.Delete(0u));
        }
    }

    [KernelFact]
    public void SocketClosed_LeavesTheMapByItself()
    {
        using BpfMap map = Create();
        using AfXdpSocket next = AfXdpSocket.Create();
        using (AfXdpSocket socket = AfXdpSocket.Create())
        {
            map.Update(2, socket.Descriptor, LinuxBpf.BPF_NOEXIST);
            Assert.Equal(Errno.EEXIST, Put(map, 2, next.Descriptor, LinuxBpf.BPF_NOEXIST));
        }

        Wait.Until(() => Put(map, 2, next.Descriptor, LinuxBpf.BPF_NOEXIST) == Errno.None, "slot free");
    }

    [KernelFact]
    public void Worker_WithoutAnyCapability_RunsOnWhatItWasGiven()
    {
        using var bench = new XskBench();
        using TestSocket receiver = bench.OpenReceiver();
        using TestSocket sender = bench.OpenSender();
        BpfMap map = bench.Programs.Maps["sockets"];
        Capabilities.RunWithout(null, () =>
        {
            Assert.Equal(Errno.EPERM, ErrnoOf(() => AfXdpSocket.Create().Dispose()));
            Assert.Equal(Errno.EPERM, ErrnoOf(() => Create().Dispose()));
            receiver.PostChunks(4);
            sender.SendFrames(2);
            Assert.Equal(2, receiver.Receive(2).Count);
            map.Delete(0u);
            map.Update(0, receiver.Socket.Descriptor);
            using var ring = new TestRing<ulong>(receiver.Socket, XdpRing.Fill, 64);
            Assert.Equal(receiver.Fill.Producer, ring.Producer);
            sender.SendFrames(2);
            Assert.Equal(2, receiver.Receive(2).Count);
        });
    }

    private static BpfMap Create() => BpfMap.Create(LinuxBpf.BPF_MAP_TYPE_XSKMAP, "sockets", 4, 4, 4);

    private static Errno Put(BpfMap map, uint key, FileDescriptor socket, ulong flags) =>
        ErrnoOf(() => map.Update(key, socket, flags));
}
