using System.Runtime.InteropServices;
using Nf.Linux.Tests.Support;
using static Nf.Linux.IfXdp;

namespace Nf.Linux.Tests.Xdp;

/// <summary>What arrives in a socket, where, and what is counted when it does not.</summary>
[Trait("Tier", "kernel")]
public class ReceiveKernelTests
{
    // Counts failed redirects with EINVAL by the id of their map.
    private const string RedirectErrors = """
        #include <linux/bpf.h>
        #include <bpf/bpf_helpers.h>
        struct {
            __uint(type, BPF_MAP_TYPE_HASH);
            __uint(max_entries, 64);
            __type(key, __u32);
            __type(value, __u64);
        } errors SEC(".maps");
        SEC("tp_btf/xdp_redirect_err") int on_redirect_error(__u64 *arguments)
        {
            __u32 map_id = arguments[5];
            __u64 one = 1, *count = bpf_map_lookup_elem(&errors, &map_id);
            if ((int)arguments[3] != -22)
                return 0;
            if (count)
                __sync_fetch_and_add(count, 1);
            else
                bpf_map_update_elem(&errors, &map_id, &one, BPF_ANY);
            return 0;
        }
        char _license[] SEC("license") = "GPL";
        """;

    [KernelFact]
    public void Receive_AddressesInsideChunks_FramesInOrderBehindTheFixedHeadroom()
    {
        using var bench = new XskBench();
        using TestSocket receiver = bench.OpenReceiver();
        using TestSocket sender = bench.OpenSender();
        receiver.Fill.Produce(Enumerable.Range(0, 10).Select(i => ((ulong)i * 2048) + 5).ToArray());

        sender.SendFrames(10);

        List<xdp_desc> received = receiver.Receive(10);
        Assert.Equal(Enumerable.Range(0, 10), received.Select(receiver.NumberOf));
        Assert.Equal(
            Enumerable.Range(0, 10).Select(i => ((ulong)i * 2048) + XDP_PACKET_HEADROOM), received.Select(d => d.addr));
        Assert.All(received, d => Assert.Equal((64u, 0u), (d.len, d.options)));
    }

    [KernelFact]
    public void Receive_Headroom_IsAddedToTheOffset()
    {
        using var bench = new XskBench();
        using TestSocket receiver = bench.OpenReceiver(new XskSetup { Headroom = 128 });
        using TestSocket sender = bench.OpenSender();
        receiver.PostChunks(1, first: 3);
        sender.SendFrames(1);
        Assert.Equal((3ul * 2048) + 128 + XDP_PACKET_HEADROOM, Assert.Single(receiver.Receive(1)).addr);
    }

    [KernelFact]
    public void Receive_NoChunks_CountsDroppedAndEmpty()
    {
        using var bench = new XskBench();
        using TestSocket receiver = bench.OpenReceiver();
        using TestSocket sender = bench.OpenSender();
        sender.SendFrames(3);
        Wait.Until(() => receiver.Socket.GetStatistics().rx_dropped == 3, "three dropped");
        Assert.Equal(3ul, receiver.Socket.GetStatistics().rx_fill_ring_empty_descs);
        Assert.Equal(0u, receiver.Rx.Level);
    }

    [KernelFact]
    public void Receive_RingFull_CountsAndRecovers()
    {
        using var bench = new XskBench();
        using TestSocket receiver = bench.OpenReceiver(new XskSetup { RxEntries = 4 });
        using TestSocket sender = bench.OpenSender();
        receiver.PostChunks(20);
        sender.SendFrames(10);
        Wait.Until(() => receiver.Socket.GetStatistics().rx_ring_full == 6, "six without room");
        Assert.Equal(4, receiver.Receive(4).Count);

        sender.SendFrames(4);
        Assert.Equal(Enumerable.Range(0, 4), receiver.Receive(4).Select(receiver.NumberOf));
        Assert.Equal(6ul, receiver.Socket.GetStatistics().rx_ring_full);
    }

    [KernelFact]
    public void Receive_LargerThanTheChunkHolds_IsDropped()
    {
        using var bench = new XskBench(mtu: 3000);
        using TestSocket receiver = bench.OpenReceiver();
        using TestSocket sender = bench.OpenSender(new XskSetup { ChunkSize = 4096 });
        receiver.PostChunks(4);
        sender.SendFrames(1, lengthBytes: 2048 - XDP_PACKET_HEADROOM);
        Assert.Equal(1792u, Assert.Single(receiver.Receive(1)).len);
        sender.SendFrames(1, lengthBytes: 2048 - XDP_PACKET_HEADROOM + 1);
        Wait.Until(() => receiver.Socket.GetStatistics().rx_dropped == 1, "one too large");
        Assert.Equal(0u, receiver.Rx.Level);
    }

    [KernelTheory]
    [InlineData(XDP_USE_SG)]
    [InlineData((ushort)0)]
    public void Receive_FiveThousandBytes_ThreePiecesOrDropped(ushort scatterGather)
    {
        using var bench = new XskBench(mtu: 9000);
        using TestSocket receiver = bench.OpenReceiver(
            new XskSetup { BindFlags = (ushort)(XDP_COPY | scatterGather) }, "to_socket_frags");
        using TestSocket sender = bench.OpenSender(
            new XskSetup { ChunkSize = 4096, BindFlags = XDP_COPY | XDP_USE_SG });
        receiver.PostChunks(8);
        sender.WriteFrame(0, 4000, 7);
        sender.Tx.Produce(
            new xdp_desc { addr = 0, len = 4000, options = XDP_PKT_CONTD }, new xdp_desc { addr = 4096, len = 1000 });
        sender.KickUntilTaken();
        if (scatterGather == 0)
        {
            Wait.Until(() => receiver.Socket.GetStatistics().rx_dropped == 1, "dropped as a whole");
            Assert.Equal(0u, receiver.Rx.Level);
            return;
        }

        List<xdp_desc> pieces = receiver.Receive(3);
        Assert.Equal(
            [(1792u, XDP_PKT_CONTD), (1792u, XDP_PKT_CONTD), (1416u, 0u)], pieces.Select(d => (d.len, d.options)));
        Assert.All(pieces, d => Assert.Equal((ulong)XDP_PACKET_HEADROOM, d.addr % 2048));
        Assert.Equal(7, receiver.NumberOf(pieces[0]));
    }

    [KernelFact]
    public void Receive_SocketOfAnotherQueueInTheMap_OnlyTheTracepointTells()
    {
        using var bench = new XskBench(queues: 2);
        using BpfObject tracer = BpfObject.Load(BpfSource.Compile(RedirectErrors), "tracer");
        using BpfLink trace = BpfLink.AttachRawTracepoint(tracer.Programs["on_redirect_error"], null);
        using TestSocket receiver = bench.OpenReceiver(new XskSetup { Queue = 1 }, "to_first_socket", slot: 0);
        using TestSocket onQueue0 = bench.OpenSender();
        using TestSocket onQueue1 = bench.OpenSender(new XskSetup { Queue = 1 });
        receiver.PostChunks(8);
        onQueue0.SendFrames(3);
        onQueue1.SendFrames(1);
        Assert.Single(receiver.Receive(1));
        Assert.Equal(0u, receiver.Rx.Level);
        Assert.Equal(default, receiver.Socket.GetStatistics());
        Assert.True(tracer.Maps["errors"].TryLookup(bench.Programs.Maps["sockets"].Id, out long errors));
        Assert.Equal(3, errors);
    }

    [KernelFact]
    public void Receive_EmptySlotWithPassFallback_GoesToTheStack()
    {
        using var bench = new XskBench(fallback: LinuxBpf.XDP_PASS);
        bench.Attach("to_socket");
        using var stack = new PacketSocket(bench.Space, bench.Pair.SecondIfindex);
        using TestSocket sender = bench.OpenSender();
        sender.SendFrames(1, lengthBytes: 70);
        byte[] frame = stack.Receive(f => f.Length >= 18 && f[12] == 0x88 && f[13] == 0xb5);
        Assert.Equal(70, frame.Length);
    }

    [KernelFact]
    public void Receive_MetadataOfTheProgram_StandsInFrontOfTheFrame()
    {
        using var bench = new XskBench();
        using TestSocket receiver = bench.OpenReceiver(program: "mark_to_socket");
        using TestSocket sender = bench.OpenSender();
        receiver.PostChunks(1);
        sender.SendFrames(1);
        xdp_desc received = Assert.Single(receiver.Receive(1));
        Span<byte> metadata = receiver.Memory.AsSpan((long)received.addr - 8, 8);
        Assert.Equal(0x1122334455667788ul, MemoryMarshal.Read<ulong>(metadata));
    }

    [KernelFact]
    public void Receive_UnalignedChunks_AddressCarriesTheOffsetInItsUpperBits()
    {
        using var bench = new XskBench();
        using TestSocket receiver = bench.OpenReceiver(
            new XskSetup { ChunkSize = 3000, UmemFlags = XDP_UMEM_UNALIGNED_CHUNK_FLAG });
        using TestSocket sender = bench.OpenSender();
        receiver.Fill.Produce(4001);
        sender.SendFrames(1);
        xdp_desc received = Assert.Single(receiver.Receive(1));
        Assert.Equal(4001ul | ((ulong)XDP_PACKET_HEADROOM << XSK_UNALIGNED_BUF_OFFSET_SHIFT), received.addr);
        Assert.Equal(0x88, receiver.BytesOf(received)[12]);
    }

    [KernelFact]
    public void Receive_LiveFrames_AllReachTheSocketOfQueue0()
    {
        using var bench = new XskBench();
        using TestSocket receiver = bench.OpenReceiver(
            new XskSetup { ChunkCount = 512, FillEntries = 512, RxEntries = 512 });
        receiver.PostChunks(300);
        byte[] frame = [.. Enumerable.Repeat((byte)0xff, 12), 0x88, 0xb5, .. new byte[50]];
        bench.Space.Run(() => BpfProgRun.LiveFrames(
            bench.Programs.Programs["to_socket"], frame, repeat: 300, batch: 64, bench.Pair.SecondIfindex));
        List<xdp_desc> received = receiver.Receive(300);
        Assert.Equal(300, received.Count);
        Assert.Equal(frame, receiver.BytesOf(received[299]).ToArray());
    }

    [KernelFact]
    public void Receive_SenderBoundToQueueN_ArrivesOnQueueN()
    {
        using var bench = new XskBench(queues: 2);
        using TestSocket onQueue0 = bench.OpenReceiver();
        using TestSocket onQueue1 = bench.OpenReceiver(new XskSetup { Queue = 1 });
        using TestSocket sender = bench.OpenSender(new XskSetup { Queue = 1 });
        onQueue0.PostChunks(4);
        onQueue1.PostChunks(4);
        sender.SendFrames(4);
        Assert.Equal(4, onQueue1.Receive(4).Count);
        Assert.Equal(0u, onQueue0.Rx.Level);
    }
}
