using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Nf.Linux.Tests.Support;
using static Nf.Linux.IfXdp;
using static Nf.Linux.Tests.Xdp.UmemRegistrationKernelTests;

namespace Nf.Linux.Tests.Xdp;

/// <summary>Copy-mode transmission: progress, budgets, and what comes back.</summary>
[Trait("Tier", "kernel")]
public class TransmitKernelTests
{
    private static readonly XskSetup WithMetadata = new()
    {
        UmemFlags = XDP_UMEM_TX_METADATA_LEN,
        TxMetadataBytes = 24,
        ChunkCount = 16,
    };

    [KernelFact]
    public void Kick_Frames_EveryAddressComesBack()
    {
        using var bench = new XskBench();
        using TestSocket sender = bench.OpenSender();
        sender.QueueFrames(10);
        Assert.Equal(Errno.None, sender.Socket.KickTx());
        Wait.Until(() => sender.Completion.Level == 10, "completions");
        Assert.Equal(Enumerable.Range(0, 10).Select(i => (ulong)i * 2048), sender.Completion.Consume().Order());
        Assert.Equal(0ul, sender.Socket.GetStatistics().tx_invalid_descs);
    }

    [KernelFact]
    public void Kick_MoreThanTheBudget_TakesThirtyTwoAndSaysEagain()
    {
        using var bench = new XskBench();
        using TestSocket sender = bench.OpenSender();
        sender.QueueFrames(64);
        Assert.Equal(Errno.EAGAIN, sender.Socket.KickTx());
        Assert.Equal(32u, sender.Tx.Consumer);
        sender.KickUntilTaken();
    }

    [KernelTheory]
    [InlineData(31u, Errno.EACCES)]
    [InlineData(32u, Errno.None)]
    [InlineData(64u, Errno.None)]
    [InlineData(65u, Errno.EACCES)]
    public void MaxTxBudget_Range_IsThirtyTwoToTheRing(uint budget, Errno expected)
    {
        using var bench = new XskBench();
        using TestSocket sender = bench.OpenSender();
        Errno actual = ErrnoOf(() => sender.Socket.SetMaxTxBudget(budget));
        if (actual == Errno.ENOPROTOOPT)
        {
            Assert.True(KernelRelease.Current < new Version(6, 17), "the option exists since 6.17");
            return;
        }

        Assert.Equal(expected, actual);
        if (budget == 64)
        {
            sender.QueueFrames(64);
            sender.Socket.KickTx();
            Assert.Equal(64u, sender.Tx.Consumer);
        }
    }

    [KernelFact]
    public void Kick_CompletionRingFull_StopsUntilItIsDrained()
    {
        using var bench = new XskBench();
        using TestSocket sender = bench.OpenSender(new XskSetup { CompletionEntries = 4 });
        sender.QueueFrames(6);
        sender.Socket.KickTx();
        Assert.Equal(4u, sender.Tx.Consumer);
        sender.Socket.KickTx();
        Assert.Equal(4u, sender.Tx.Consumer);
        Wait.Until(() => sender.Completion.Level == 4, "completions");
        sender.Completion.Consume();
        sender.Socket.KickTx();
        Assert.Equal(6u, sender.Tx.Consumer);
    }

    [KernelTheory]
    [InlineData(0ul, 0u, 0u)]
    [InlineData(0ul, 2049u, 0u)]
    [InlineData(2000ul, 64u, 0u)]
    [InlineData(256ul * 2048, 64u, 0u)]
    [InlineData(ulong.MaxValue - 1, 64u, 0u)]
    [InlineData(0ul, 64u, 0x80u)]
    public void Kick_InvalidDescriptor_IsConsumedAndCounted(ulong address, uint length, uint options)
    {
        using var bench = new XskBench();
        using TestSocket sender = bench.OpenSender();
        sender.Tx.Produce(new xdp_desc { addr = address, len = length, options = options });
        sender.Socket.KickTx();
        Assert.Equal((1u, 1ul), (sender.Tx.Consumer, sender.Socket.GetStatistics().tx_invalid_descs));
    }

    [KernelFact]
    public void Kick_InvalidInTheMiddle_RestNeedsASecondKick()
    {
        using var bench = new XskBench();
        using TestSocket sender = bench.OpenSender();
        sender.QueueFrames(1);
        sender.Tx.Produce(default(xdp_desc));
        sender.QueueFrames(1, firstChunk: 1);
        Assert.Equal(Errno.None, sender.Socket.KickTx());
        Assert.Equal(2u, sender.Tx.Consumer);
        Assert.Equal(Errno.None, sender.Socket.KickTx());
        Assert.Equal(3u, sender.Tx.Consumer);
    }

    [KernelFact]
    public void Kick_MetadataWithoutAreaForIt_SticksUntilRewritten()
    {
        using var bench = new XskBench();
        using TestSocket sender = bench.OpenSender();
        sender.QueueFrames(1);
        sender.Tx.Slot(0).options = XDP_TX_METADATA;
        Assert.Equal(Errno.EINVAL, sender.Socket.KickTx());
        Assert.Equal(Errno.EINVAL, sender.Socket.KickTx());
        Assert.Equal(0u, sender.Tx.Consumer);
        sender.Tx.Slot(0).options = 0;
        Assert.Equal(Errno.None, sender.Socket.KickTx());
        Assert.Equal(1u, sender.Tx.Consumer);
    }

    [KernelTheory]
    [InlineData(13, Errno.EBUSY)]
    [InlineData(14, Errno.None)]
    [InlineData(1518, Errno.None)]
    [InlineData(1519, Errno.EBUSY)]
    public void Kick_FrameLength_HeaderToMtuPlusVlan(int length, Errno expected)
    {
        using var bench = new XskBench();
        using TestSocket sender = bench.OpenSender();
        sender.QueueFrames(1, length);
        Assert.Equal(expected, sender.Socket.KickTx());
        Assert.Equal(1u, sender.Tx.Consumer);
    }

    [KernelTheory]
    [InlineData(18, 0ul)]
    [InlineData(20, 20ul)]
    public void Kick_PiecesOfOnePacket_UpToMaxSkbFragsPlusOne(int pieces, ulong invalid)
    {
        using var bench = new XskBench(mtu: 9000);
        using TestSocket sender = bench.OpenSender(new XskSetup { BindFlags = XDP_COPY | XDP_USE_SG });
        for (int i = 0; i < pieces; i++)
        {
            sender.WriteFrame(i * 2048, 100, i);
            uint options = i == pieces - 1 ? 0 : XDP_PKT_CONTD;
            sender.Tx.Produce(new xdp_desc { addr = (ulong)i * 2048, len = 100, options = options });
        }

        sender.KickUntilTaken();
        Assert.Equal(invalid, sender.Socket.GetStatistics().tx_invalid_descs);
    }

    [KernelFact]
    public void Kick_TimestampAsked_IsNowInTai()
    {
        using var bench = new XskBench();
        using TestSocket sender = bench.OpenSender(WithMetadata);
        long before = Clock.TaiNs();
        SendWithMetadata(sender, new xsk_tx_metadata { flags = XDP_TXMD_FLAGS_TIMESTAMP });
        Wait.Until(() => sender.Completion.Level == 1, "completion");
        ulong timestamp = MemoryMarshal.Read<xsk_tx_metadata>(sender.Memory.AsSpan(2048, 24)).tx_timestamp;
        Assert.InRange((long)timestamp, before, Clock.TaiNs());
    }

    [KernelFact]
    public void Kick_ChecksumAsked_IsComputedBySoftware()
    {
        const int Start = 14;
        const int Offset = 6;
        using var bench = new XskBench();
        using TestSocket receiver = bench.OpenReceiver();
        using TestSocket sender = bench.OpenSender(
            WithMetadata with { UmemFlags = XDP_UMEM_TX_METADATA_LEN | XDP_UMEM_TX_SW_CSUM });
        receiver.PostChunks(1);
        SendWithMetadata(
            sender,
            new xsk_tx_metadata { flags = XDP_TXMD_FLAGS_CHECKSUM, csum_start = Start, csum_offset = Offset });
        Span<byte> frame = receiver.BytesOf(Assert.Single(receiver.Receive(1)));

        // A range that holds its own ones' complement checksum adds up to all ones.
        uint sum = 0;
        for (int i = Start; i < frame.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(frame[i..]);
        }

        Assert.Equal(0xffffu, (sum & 0xffff) + (sum >> 16));
        Assert.NotEqual(0, BinaryPrimitives.ReadUInt16BigEndian(frame[(Start + Offset)..]));
    }

    [KernelFact]
    public void Poll_CopyMode_TransmitsByItself()
    {
        using var bench = new XskBench();
        using TestSocket sender = bench.OpenSender();
        sender.QueueFrames(3);
        Assert.NotEqual(0, sender.Poll(Libc.POLLOUT) & Libc.POLLOUT);
        Assert.Equal(3u, sender.Tx.Consumer);
    }

    [KernelTheory]
    [InlineData((ushort)(XDP_COPY | XDP_USE_NEED_WAKEUP))]
    [InlineData(XDP_COPY)]
    public void NeedWakeup_CopyMode_AlwaysForTxNeverForFill(ushort flags)
    {
        using var bench = new XskBench();
        using TestSocket socket = bench.OpenSender(new XskSetup { BindFlags = flags });
        Assert.Equal(XDP_RING_NEED_WAKEUP, socket.Tx.Flags & XDP_RING_NEED_WAKEUP);
        Assert.Equal(0u, socket.Fill.Flags & XDP_RING_NEED_WAKEUP);
        socket.SendFrames(2);
        Assert.Equal(XDP_RING_NEED_WAKEUP, socket.Tx.Flags & XDP_RING_NEED_WAKEUP);
    }

    [KernelFact]
    public void Kick_NotBoundOrWithoutTxRing_SaysSoWithoutThrowing()
    {
        using AfXdpSocket unbound = AfXdpSocket.Create();
        Assert.Equal(Errno.ENXIO, unbound.KickTx());
        Assert.Equal(Errno.ENXIO, unbound.WakeRx());
        using var bench = new XskBench();
        using TestSocket receiveOnly = bench.OpenSender(new XskSetup { TxEntries = 0 });
        Assert.Equal(Errno.ENOBUFS, receiveOnly.Socket.KickTx());
        Assert.Equal(Errno.None, receiveOnly.Socket.WakeRx());
    }

    [KernelFact]
    public void HotPath_KickAndWake_DoNotAllocate()
    {
        using var bench = new XskBench();
        using TestSocket socket = bench.OpenSender();
        long allocated = 0;

        // The first rounds compile; of the later ones, one without a byte proves it.
        for (int round = 0; round < 100 && (round < 10 || allocated > 0); round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            socket.Socket.KickTx();
            socket.Socket.WakeRx();
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
    }

    [KernelFact]
    public void BusyPoll_Options_AreAccepted()
    {
        using var bench = new XskBench();
        using TestSocket socket = bench.OpenSender();
        socket.Socket.SetBusyPoll(20, 64);
        Assert.Equal(1, socket.Socket.Descriptor.GetOption<int>(Libc.SOL_SOCKET, Libc.SO_PREFER_BUSY_POLL));
        Assert.Equal(Errno.EINVAL, ErrnoOf(() => socket.Socket.SetBusyPoll(20, 65536)));
    }

    // The frame is at the start of the second chunk plus the area, so that area and frame share that chunk.
    private static void SendWithMetadata(TestSocket sender, xsk_tx_metadata metadata)
    {
        const int Address = 2048 + 24;
        sender.WriteFrame(Address, 64, 12345);
        MemoryMarshal.Write(sender.Memory.AsSpan(2048, 24), metadata);
        sender.Tx.Produce(new xdp_desc { addr = Address, len = 64, options = XDP_TX_METADATA });
        Assert.Equal(Errno.None, sender.Socket.KickTx());
    }
}
