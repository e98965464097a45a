using Nf.Linux.Tests.Support;
using static Nf.Linux.IfXdp;
using static Nf.Linux.Tests.Xdp.UmemRegistrationKernelTests;

namespace Nf.Linux.Tests.Xdp;

/// <summary>Several sockets on one UMEM.</summary>
[Trait("Tier", "kernel")]
public class SharedUmemKernelTests
{
    [KernelFact]
    public void Shared_SameQueueWithoutOwnRings_UsesThoseOfTheFirst()
    {
        using var bench = new XskBench();
        using TestSocket first = bench.OpenSender();
        using TestSocket second = bench.OpenSender(SameQueue(first));
        second.QueueFrames(3);
        Assert.Equal(Errno.None, second.Socket.KickTx());
        Wait.Until(() => first.Completion.Level == 3, "completions in the ring they share");
    }

    [KernelFact]
    public void Shared_SameQueueWithOwnRings_IsEinval()
    {
        using var bench = new XskBench();
        using TestSocket first = bench.OpenSender();
        Assert.Equal(Errno.EINVAL, ErrnoOf(() => bench.OpenSender(OtherQueue(first)).Dispose()));
    }

    [KernelFact]
    public void Shared_OtherQueue_NeedsOwnRings()
    {
        using var bench = new XskBench(queues: 2);
        using TestSocket first = bench.OpenSender();
        XskSetup without = SameQueue(first) with { Queue = 1 };
        Assert.Equal(Errno.EINVAL, ErrnoOf(() => bench.OpenSender(without).Dispose()));
        using TestSocket second = bench.OpenSender(OtherQueue(first) with { Queue = 1 });
        second.QueueFrames(1);
        Assert.Equal(Errno.None, second.Socket.KickTx());
    }

    [KernelFact]
    public void Shared_OtherDevice_FrameGoesFromOneToTheOther()
    {
        using var bench = new XskBench();
        using TestSocket sender = bench.OpenSender();
        using TestSocket receiver = bench.OpenReceiver(OtherQueue(sender));
        receiver.PostChunks(1, first: 9);
        sender.SendFrames(1);
        xdp_desc received = Assert.Single(receiver.Receive(1));
        Assert.Equal((9ul * 2048) + XDP_PACKET_HEADROOM, received.addr);

        // The same chunk goes back out of the other device, and comes back in that one's completion ring.
        receiver.Tx.Produce(received);
        Assert.Equal(Errno.None, receiver.Socket.KickTx());
        Wait.Until(() => receiver.Completion.Level == 1, "completion");
        Assert.Equal(received.addr, Assert.Single(receiver.Completion.Consume()));
    }

    [KernelFact]
    public void Shared_FlagsBesideIt_AreEinval()
    {
        using var bench = new XskBench();
        using TestSocket first = bench.OpenSender();
        Assert.Equal(
            Errno.EINVAL, ErrnoOf(() => bench.OpenSender(SameQueue(first) with { BindFlags = XDP_COPY }).Dispose()));
    }

    [KernelFact]
    public void Shared_WrongDescriptor_AnsweredByKind()
    {
        using var bench = new XskBench();
        using TestSocket unrelated = bench.OpenSender();
        using AfXdpSocket unbound = bench.Space.Run(AfXdpSocket.Create);
        using EventFd noSocket = EventFd.Create();
        (SeqPacketSocket first, SeqPacketSocket second) = SeqPacketSocket.SocketPair();
        using (first)
        using (second)
        {
            Assert.Equal(Errno.ENOTSOCK, BindTo(noSocket.Descriptor));
            Assert.Equal(Errno.ENOPROTOOPT, BindTo(first.Descriptor));
            Assert.Equal(Errno.EBADF, BindTo(unbound.Descriptor));
        }

        Errno BindTo(FileDescriptor target)
        {
            using AfXdpSocket socket = bench.Space.Run(AfXdpSocket.Create);
            socket.SetRingSize(XdpRing.Rx, 64);
            return ErrnoOf(() => socket.Bind(bench.Pair.FirstIfindex, 0, 0, target));
        }
    }

    [KernelFact]
    public void Shared_FirstClosed_SecondStillSends()
    {
        using var bench = new XskBench(queues: 2);
        using var memoryOwner = bench.OpenSender();
        using TestSocket second = bench.OpenSender(OtherQueue(memoryOwner) with { Queue = 1 });
        memoryOwner.Fill.Dispose();
        memoryOwner.Completion.Dispose();
        memoryOwner.Rx.Dispose();
        memoryOwner.Tx.Dispose();
        memoryOwner.Socket.Dispose();

        second.QueueFrames(2);
        Assert.Equal(Errno.None, second.Socket.KickTx());
        Assert.Equal(0u, second.Tx.Level);
        Wait.Until(
            () => ErrnoOf(() => bench.OpenSender().Dispose()) is Errno.None, "queue 0 free for a new socket");
    }

    private static XskSetup SameQueue(TestSocket first) => new()
    {
        Shared = first,
        BindFlags = 0,
        FillEntries = 0,
        CompletionEntries = 0,
    };

    private static XskSetup OtherQueue(TestSocket first) => new() { Shared = first, BindFlags = 0 };
}
