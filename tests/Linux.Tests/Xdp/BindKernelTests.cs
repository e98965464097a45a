using Nf.Linux.Tests.Support;
using static Nf.Linux.IfXdp;
using static Nf.Linux.Tests.Xdp.UmemRegistrationKernelTests;

namespace Nf.Linux.Tests.Xdp;

/// <summary>Binding a socket with memory of its own.</summary>
[Trait("Tier", "kernel")]
public class BindKernelTests
{
    [KernelTheory]
    [InlineData(XDP_COPY)]
    [InlineData(XDP_USE_NEED_WAKEUP)]
    [InlineData((ushort)0)]
    public void Bind_VethCopyOrAutomatic_ReportsCopyMode(ushort flags)
    {
        using var bench = new XskBench();
        using TestSocket socket = bench.OpenSender(new XskSetup { BindFlags = flags });
        Assert.Equal(0u, socket.Socket.GetOptions().flags & XDP_OPTIONS_ZEROCOPY);
    }

    [KernelTheory]
    [InlineData(XDP_ZEROCOPY, 0, Errno.EOPNOTSUPP)]
    [InlineData((ushort)(XDP_ZEROCOPY | XDP_COPY), 0, Errno.EINVAL)]
    [InlineData((ushort)0x20, 0, Errno.EINVAL)]
    [InlineData(XDP_COPY, 1, Errno.EINVAL)]
    [InlineData(XDP_COPY, 65535, Errno.EINVAL)]
    public void Bind_FlagsOrQueueWrong_AnsweredAsDocumented(ushort flags, int queue, Errno expected)
    {
        using var bench = new XskBench();
        Assert.Equal(
            expected, ErrnoOf(() => bench.OpenSender(new XskSetup { BindFlags = flags, Queue = queue }).Dispose()));
    }

    [KernelFact]
    public void Bind_Queue65536_RefusedHereBecauseTheKernelWouldBindQueue0()
    {
        using var bench = new XskBench();
        Assert.Throws<ArgumentOutOfRangeException>(() => bench.OpenSender(new XskSetup { Queue = 65536 }));
    }

    [KernelFact]
    public void Bind_QueueTaken_IsEbusyAndNamesThePlace()
    {
        using var bench = new XskBench();
        using TestSocket first = bench.OpenSender();
        var error = Assert.Throws<LinuxException>(() => bench.OpenSender());
        Assert.Equal(
            $"bind(AF_XDP, ifindex {bench.Pair.FirstIfindex}, queue 0): EBUSY (Device or resource busy)",
            error.Message);
    }

    [KernelFact]
    public void Bind_AfterClose_SucceedsWithinTheRetryTime()
    {
        using var bench = new XskBench();
        bench.OpenSender().Dispose();
        Wait.Until(
            () => ErrnoOf(() => bench.OpenSender().Dispose()) is var errno
                && (errno == Errno.None || (errno == Errno.EBUSY ? false : throw new LinuxException("bind", errno))),
            "queue free again");
    }

    [KernelFact]
    public void Bind_SocketClosedButRingStillMapped_QueueStaysTaken()
    {
        using var bench = new XskBench();
        TestSocket first = bench.OpenSender();
        first.Socket.Dispose();
        Assert.False(QueueBecomesFree(bench, 200));
        Assert.True(HasXsk(bench));
        first.Dispose();
        Wait.Until(() => !HasXsk(bench), "queue free after the rings are unmapped");
    }

    [KernelTheory]
    [InlineData(0u, 64u, 64u, 64u)]
    [InlineData(64u, 0u, 64u, 64u)]
    [InlineData(64u, 64u, 0u, 0u)]
    public void Bind_RingMissing_IsEinval(uint fill, uint completion, uint rx, uint tx)
    {
        using var bench = new XskBench();
        var setup = new XskSetup
        {
            FillEntries = fill,
            CompletionEntries = completion,
            RxEntries = rx,
            TxEntries = tx,
        };
        Assert.Equal(Errno.EINVAL, ErrnoOf(() => bench.OpenSender(setup).Dispose()));
    }

    [KernelTheory]
    [InlineData(64u, 0u)]
    [InlineData(0u, 64u)]
    public void Bind_OneDirectionOnly_IsEnough(uint rx, uint tx)
    {
        using var bench = new XskBench();
        bench.OpenSender(new XskSetup { RxEntries = rx, TxEntries = tx }).Dispose();
    }

    [KernelFact]
    public void Bind_InterfaceOfAnotherNamespace_IsEnodev()
    {
        using var bench = new XskBench();
        using var elsewhere = new TestNamespace();
        Assert.Equal(
            Errno.ENODEV,
            ErrnoOf(() => new TestSocket(elsewhere, bench.Pair.FirstIfindex + 100, new XskSetup()).Dispose()));
    }

    [KernelFact]
    public void Bind_SocketTiedToAnotherDevice_IsEinval()
    {
        using var bench = new XskBench();
        using AfXdpSocket socket = bench.Space.Run(AfXdpSocket.Create);
        socket.SetRingSize(XdpRing.Rx, 64);
        bench.Space.Run(() => socket.Descriptor.SetOption(
            Libc.SOL_SOCKET, Libc.SO_BINDTODEVICE, BitConverter.ToUInt32("vb\0\0"u8)));
        Assert.Equal(Errno.EINVAL, ErrnoOf(() => socket.Bind(bench.Pair.FirstIfindex, 0, XDP_COPY)));
    }

    [KernelFact]
    public void Bind_Bound_QueueGetShowsIt()
    {
        using var bench = new XskBench(queues: 2);
        Assert.False(HasXsk(bench));
        using TestSocket socket = bench.OpenSender(new XskSetup { Queue = 1 });
        Assert.True(HasXsk(bench));
        bench.Space.Run(() =>
        {
            using NetdevNetlink netdev = NetdevNetlink.TryOpen()!;
            IReadOnlyList<NetdevQueue> queues = netdev.GetQueues(bench.Pair.FirstIfindex)!;
            Assert.All(queues.Where(queue => queue.HasXsk), queue => Assert.Equal(1, queue.Id));
        });
    }

    [KernelFact]
    public void Adopt_DescriptorOfBoundSocket_KeepsWorking()
    {
        using var bench = new XskBench();
        using TestSocket socket = bench.OpenSender();
        using AfXdpSocket adopted = AfXdpSocket.Adopt(socket.Socket.Descriptor.Duplicate());
        socket.QueueFrames(1);
        Assert.Equal(Errno.None, adopted.KickTx());
        Assert.Equal(0u, socket.Tx.Level);
        using EventFd other = EventFd.Create();
        Assert.Throws<LinuxException>(() => AfXdpSocket.Adopt(other.Descriptor));
    }

    [KernelFact]
    public void Socket_WholeLife_LeavesNoDescriptor()
    {
        OpenDescriptors.AssertNoLeak(() =>
        {
            using var bench = new XskBench();
            using TestSocket receiver = bench.OpenReceiver();
            using TestSocket sender = bench.OpenSender();
            receiver.PostChunks(4);
            sender.SendFrames(4);
            receiver.Receive(4);
        });
    }

    [KernelFact]
    public void Bind_Refused_LeavesNoDescriptor()
    {
        using var bench = new XskBench();
        OpenDescriptors.AssertNoLeak(
            () => Assert.Throws<LinuxException>(() => bench.OpenSender(new XskSetup { Queue = 5 })));
    }

    private static bool QueueBecomesFree(XskBench bench, int timeoutMs)
    {
        using TimerFd timer = TimerFd.OneShot(TimeSpan.FromMilliseconds(timeoutMs));
        while (!timer.TryRead(out _))
        {
            if (!HasXsk(bench))
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasXsk(XskBench bench) => bench.Space.Run(() =>
    {
        using NetdevNetlink netdev = NetdevNetlink.TryOpen()!;
        return netdev.GetQueues(bench.Pair.FirstIfindex)!.Any(queue => queue.HasXsk);
    });
}
