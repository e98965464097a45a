using System.Text.Json.Nodes;
using Nf.EndToEnd.Tests.Support;
using Nf.EndToEnd.Tests.Support.Guests;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests;

/// <summary>
/// DPDK's virtio-user as front-end: a file of packets goes through one front-end, our link and another front-end into
/// a file again, and every byte is compared.
/// </summary>
[Trait("Tier", "e2e")]
public sealed class VhostFrontEndTests(NodeFixture fixture, ITestOutputHelper output) : IClassFixture<NodeFixture>,
    IAsyncLifetime
{
    // Packets of one burst may leave twice: once before a kill, once after it.
    private const int BurstMax = 64;

    // What the rings of both ends hold when their front-ends begin anew with them.
    private const int RingsMax = 256 + 1024;

    // DPDK's driver takes as many buffers from its ring at a time as others take packets, so that it falls behind with
    // large ones: no more of them than its ring has room for.
    private const int PacketsThatFit = 48;

    private Node Node => fixture.Node;

    public Task InitializeAsync()
    {
        foreach (string file in Directory.GetFiles(fixture.Folder))
        {
            File.Delete(file);
        }

        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        output.WriteLine(Node.Logs);
        await FrontEndPair.DeleteAsync(Node);
    }

    [Theory]
    [InlineData("packed_vq=0,mrg_rxbuf=1", "packed_vq=0,mrg_rxbuf=1", 1, false)]
    [InlineData("packed_vq=1,mrg_rxbuf=1", "packed_vq=1,mrg_rxbuf=1", 1, false)]
    [InlineData("packed_vq=0,mrg_rxbuf=0", "packed_vq=1,mrg_rxbuf=0", 2, false)]
    [InlineData("packed_vq=1,mrg_rxbuf=0", "packed_vq=0,mrg_rxbuf=0", 1, false)]
    [InlineData("packed_vq=1,in_order=0,mrg_rxbuf=1", "packed_vq=0,in_order=0,mrg_rxbuf=1", 2, false)]
    [InlineData("packed_vq=0,mrg_rxbuf=1", "packed_vq=1,mrg_rxbuf=1", 1, true)]
    [InlineData("packed_vq=1,mrg_rxbuf=1", "packed_vq=0,mrg_rxbuf=1", 2, true)]
    [InlineData("packed_vq=0,mrg_rxbuf=0", "packed_vq=1,mrg_rxbuf=0", 1, true)]
    public Task Packets_FromOneFrontEndToAnother_ArriveByteExactInOrderAndCounted(
        string sender, string receiver, int pairs, bool listens) => AssertAllArriveAsync(
        new FrontEndPair(fixture) { Sender = sender, Receiver = receiver, Pairs = pairs, Listens = listens });

    // Sent as chains of up to five buffers, received in as many.
    [Theory]
    [InlineData("packed_vq=0,in_order=0", "packed_vq=1,in_order=0")]
    [InlineData("packed_vq=1", "packed_vq=0")]
    public Task Packets_LargerThanABuffer_ArriveByteExactInSeveral(string sender, string receiver) =>
        AssertAllArriveAsync(new FrontEndPair(fixture)
        {
            Sender = $"{sender},mrg_rxbuf=1",
            Receiver = $"{receiver},mrg_rxbuf=1",
            LongestBytes = 9000,
            Packets = PacketsThatFit,
        });

    [Fact]
    public async Task Packets_InHugePages_ArriveByteExact()
    {
        await using HugePageMount pages = await HugePageMount.TakeAsync(160);
        await AssertAllArriveAsync(new FrontEndPair(fixture) { Pages = pages });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FrontEnd_Killed_TheNextOneIsServed(bool listens)
    {
        var fronts = new FrontEndPair(fixture) { Receiver = "packed_vq=1", Listens = listens };
        await fronts.CreateAsync();
        for (int round = 0; round < 2; round++)
        {
            await using Testpmd testpmd = await fronts.StartAsync();
            await Shell.SignalAsync("KILL", testpmd.Pid);
            await Node.VhostStateAsync("a", listens ? "CONNECTING" : "LISTENING");
            await Node.VhostStateAsync("b", listens ? "CONNECTING" : "LISTENING");
            if (listens)
            {
                // Who listens with DPDK does not take over the file of one that died.
                File.Delete(fixture.File("a.sock"));
                File.Delete(fixture.File("b.sock"));
            }
        }

        await RunAsync(fronts);
        AssertSame(fronts.Expected(0), fronts.Arrived(0));
    }

    [Theory]
    [InlineData("packed_vq=0", false)]
    [InlineData("packed_vq=1", true)]
    public async Task DataPlane_KilledUnderLoad_EveryPacketArrivesInOrder(string options, bool listens)
    {
        const int Kills = 5;
        FrontEndPair fronts = UnderLoad(options, listens);
        await fronts.CreateAsync();
        await using (Testpmd testpmd = await fronts.StartAsync())
        {
            JsonNode plane = await Node.ConnectedAsync();
            await FrontEndPair.SendAsync(testpmd);
            for (int kill = 1; kill <= Kills; kill++)
            {
                await FrontEndPair.ReceivedAsync(testpmd, (ulong)kill * fronts.PacketsOfAll / (Kills + 2));
                await Shell.SignalAsync("KILL", Node.Pid(plane));
                plane = await Node.ConnectedAsync(Node.Generation(plane) + 1);
            }

            await fronts.FinishAsync(testpmd);
        }

        Assert.Equal(1ul, await Node.VhostConnectionsAsync("a"));
        Assert.Equal(1ul, await Node.VhostConnectionsAsync("b"));
        Assert.Equal(0ul, await Node.VhostDropsAsync("a"));
        (int missing, int twice) = Compare(fronts.Expected(0), fronts.Arrived(0));
        output.WriteLine($"{twice} packets came twice");
        Assert.Equal(0, missing);
        Assert.InRange(twice, 0, Kills * BurstMax);
    }

    // M04: front-ends that poll want no calls, and our worker no kicks.
    [Fact]
    public async Task Worker_UnderLoad_MakesNoSystemCallForAPacket()
    {
        const int PacketsPerCall = 1_000;
        FrontEndPair fronts = UnderLoad("packed_vq=0", listens: false);
        await fronts.CreateAsync();
        await using Testpmd testpmd = await fronts.StartAsync();
        int plane = Node.Pid(await Node.ConnectedAsync());
        ulong before = ProcessTable.ReadsAndWrites(plane, "nf-worker");
        await FrontEndPair.SendAsync(testpmd);
        await fronts.FinishAsync(testpmd);
        ulong calls = ProcessTable.ReadsAndWrites(plane, "nf-worker") - before;
        output.WriteLine($"{calls} calls for {fronts.PacketsOfAll} packets");
        Assert.InRange(calls, 0ul, fronts.PacketsOfAll / PacketsPerCall);
    }

    // Nothing of the node is left, so we connect anew to front-ends that listen. DPDK resets packed rings then, and
    // says that packets on the fly are dropped; a split ring goes on from its used index.
    [Theory]
    [InlineData("packed_vq=0", 0)]
    [InlineData("packed_vq=1", RingsMax)]
    public async Task Node_KilledUnderLoad_FrontEndsThatListenAreServedAgain(string options, int lostMax)
    {
        FrontEndPair fronts = UnderLoad(options, listens: true);
        await fronts.CreateAsync();
        await using (Testpmd testpmd = await fronts.StartAsync())
        {
            await FrontEndPair.SendAsync(testpmd);
            await FrontEndPair.ReceivedAsync(testpmd, fronts.PacketsOfAll / 4);
            int before = Node.KeeperPid;
            await Node.KillAndStartAsync();
            Assert.NotEqual(before, Node.KeeperPid);
            await fronts.StartedAsync();
            await fronts.FinishAsync(testpmd);
        }

        // Between the moment when one ring runs and the moment when the other does, what comes has nowhere to go.
        ulong dropped = await Node.VhostDropsAsync("a");
        (int missing, int twice) = Compare(fronts.Expected(0), fronts.Arrived(0));
        output.WriteLine($"{missing} packets are missing, {dropped} were dropped and counted, {twice} came twice");
        Assert.True((ulong)missing <= dropped + (ulong)lostMax, $"{missing} are missing, {dropped} counted");
        Assert.InRange(twice, 0, BurstMax);
        Assert.Equal(1ul, await Node.VhostConnectionsAsync("a"));
    }

    private FrontEndPair UnderLoad(string options, bool listens) => new(fixture)
    {
        Sender = options,
        Receiver = options,
        Listens = listens,
        Packets = 1_000_000,
        LongestBytes = 100,
    };

    private async Task AssertAllArriveAsync(FrontEndPair fronts)
    {
        await fronts.CreateAsync();
        (PortCount sent, PortCount received) = await RunAsync(fronts);
        for (int pair = 0; pair < fronts.Pairs; pair++)
        {
            AssertSame(fronts.Expected(pair), fronts.Arrived(pair));
        }

        Assert.Equal(fronts.PacketsOfAll, await Node.VhostSumAsync("a", "rx_packets"));
        Assert.Equal(fronts.PacketsOfAll, await Node.VhostSumAsync("b", "tx_packets"));
        Assert.Equal(sent.TxBytes, await Node.VhostSumAsync("a", "rx_bytes"));
        Assert.Equal(received.RxBytes, await Node.VhostSumAsync("b", "tx_bytes"));
        foreach (JsonNode port in await Node.VhostPortsAsync("b"))
        {
            Assert.Equal(0ul, Json.ULong(port["vhost"]?["bad_chains"]));
            Assert.Equal(0ul, Json.ULong(port["vhost"]?["ring_faults"]));
        }
    }

    private async Task<string> DropsAsync() =>
        string.Join(' ', (await Node.VhostPortsAsync("a")).Select(port => port["drops"]?.ToJsonString()));

    private async Task<(PortCount Sent, PortCount Received)> RunAsync(FrontEndPair fronts)
    {
        await using Testpmd testpmd = await fronts.StartAsync();
        await FrontEndPair.SendAsync(testpmd);
        (PortCount sent, PortCount received) = await fronts.FinishAsync(testpmd);
        Assert.Equal(fronts.PacketsOfAll, sent.TxPackets);
        Assert.True(fronts.PacketsOfAll == received.RxPackets, $"{received}, {await DropsAsync()}");
        return (sent, received);
    }

    private static void AssertSame(IReadOnlyList<byte[]> expected, IReadOnlyList<byte[]> actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (int i = 0; i < expected.Count; i++)
        {
            Assert.True(expected[i].AsSpan().SequenceEqual(actual[i]), $"packet {i} differs");
        }
    }

    /// <summary>How many packets are missing and how many came again; those that came for the first time came in order
    /// and with every byte, or this fails.</summary>
    private static (int Missing, int Twice) Compare(IReadOnlyList<byte[]> expected, IReadOnlyList<byte[]> actual)
    {
        var seen = new bool[expected.Count];
        int last = -1, first = 0;
        foreach (byte[] packet in actual)
        {
            int number = PacketFile.NumberOf(packet);
            Assert.True(expected[number].AsSpan().SequenceEqual(packet), $"packet {number} differs");
            if (!seen[number])
            {
                Assert.True(number > last, $"packet {number} came after {last}");
                (seen[number], last, first) = (true, number, first + 1);
            }
        }

        return (expected.Count - first, actual.Count - first);
    }
}
