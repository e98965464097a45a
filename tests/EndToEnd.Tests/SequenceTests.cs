using System.Text.Json.Nodes;
using Nf.EndToEnd.Tests.Support;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests;

/// <summary>Every byte of every packet, counted at both ends and by us.</summary>
[Trait("Tier", "e2e")]
public sealed class SequenceTests(ITestOutputHelper output) : EndToEndTest(output)
{
    private const int Million = 1_000_000;
    private const int RateBelowLoss = 30_000;

    private readonly ITestOutputHelper _output = output;

    protected override string[] Wrapper => Node.Realtime;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MillionPackets_EachDirection_ArriveByteExactOnceAndInOrder(bool twoUmems)
    {
        await ConnectAsync(twoUmems);
        await PingableAsync();
        JsonNode before0 = await Node.PortAsync("s0"), before1 = await Node.PortAsync("s1");

        await using Traffic right = await Traffic.ListenAsync(
            Left, "left0", Right, "right0", Million, RateBelowLoss, "60:1514");
        await using Traffic left = await Traffic.ListenAsync(
            Right, "right0", Left, "left0", Million, RateBelowLoss, "imix");
        right.Send();
        left.Send();
        (long sentRight, Tally atRight) = await right.FinishAsync(TimeSpan.FromMinutes(3));
        (long sentLeft, Tally atLeft) = await left.FinishAsync(TimeSpan.FromMinutes(3));
        _output.WriteLine($"right: {atRight.Text}\nleft: {atLeft.Text}");

        AssertComplete(sentRight, atRight);
        AssertComplete(sentLeft, atLeft);
        await AssertLedgerAsync("u0");
        JsonNode after0 = await Node.PortAsync("s0"), after1 = await Node.PortAsync("s1");
        Assert.True(Delta(before0, after0, "rx_packets") >= Million);
        Assert.True(Delta(before1, after1, "rx_packets") >= Million);
        Assert.Equal(Delta(before0, after0, "rx_packets"), Delta(before1, after1, "tx_packets"));
        Assert.Equal(Delta(before1, after1, "rx_packets"), Delta(before0, after0, "tx_packets"));
    }

    [Fact]
    public async Task Counters_AgainstTcpdumpOnBothFarSides_AgreeOnEveryPacketAndByte()
    {
        const int Count = 20_000;
        await ConnectAsync();
        await FixNeighboursAsync();
        await PingableAsync();
        await using Capture atRight = await Capture.StartAsync(Right, "right0", Path.Combine(Node.Run, "right.pcap"));
        await using Capture atLeft = await Capture.StartAsync(Left, "left0", Path.Combine(Node.Run, "left.pcap"));
        JsonNode before0 = await Node.PortAsync("s0"), before1 = await Node.PortAsync("s1");

        await using Traffic right = await Traffic.ListenAsync(
            Left, "left0", Right, "right0", Count, 10_000, "60:1514");
        await using Traffic left = await Traffic.ListenAsync(
            Right, "right0", Left, "left0", Count / 2, 5_000, "imix");
        right.Send();
        left.Send();
        (long sentRight, Tally tallyRight) = await right.FinishAsync(TimeSpan.FromMinutes(1));
        (long sentLeft, Tally tallyLeft) = await left.FinishAsync(TimeSpan.FromMinutes(1));
        AssertComplete(sentRight, tallyRight);
        AssertComplete(sentLeft, tallyLeft);

        (ulong Packets, ulong Bytes) seenRight = await atRight.StopAsync(Count);
        (ulong Packets, ulong Bytes) seenLeft = await atLeft.StopAsync(Count / 2);
        JsonNode after0 = await Node.PortAsync("s0"), after1 = await Node.PortAsync("s1");
        Assert.Equal(((ulong)Count, (ulong)Count / 2), (seenRight.Packets, seenLeft.Packets));
        Assert.Equal(seenRight, (Delta(before1, after1, "tx_packets"), Delta(before1, after1, "tx_bytes")));
        Assert.Equal(seenLeft, (Delta(before0, after0, "tx_packets"), Delta(before0, after0, "tx_bytes")));
        Assert.Equal(seenRight, (Delta(before0, after0, "rx_packets"), Delta(before0, after0, "rx_bytes")));
        Assert.Equal(seenLeft, (Delta(before1, after1, "rx_packets"), Delta(before1, after1, "rx_bytes")));
    }

    [Fact]
    public async Task Socket_WithoutALink_CountsWhatItDropsAndWhy()
    {
        const int Count = 5_000;
        await Node.UmemAsync("u0");
        await Node.SocketAsync("s0", "u0", Middle, "near0");
        ulong Dropped(JsonNode port) => Json.ULong(
            port["drops"]!.AsArray().SingleOrDefault(d => d!["reason"]!.GetValue<string>() == "no_link")?["packets"]);

        JsonNode before = await Node.PortAsync("s0");
        await using Traffic traffic = await Traffic.StartAsync(Left, "left0", Right, "right0", Count, 10_000);
        await traffic.FinishAsync(TimeSpan.FromMinutes(1));
        await Eventually.TrueAsync("every packet counted as dropped", async () =>
            Dropped(await Node.PortAsync("s0")) - Dropped(before) == Count);
        Assert.Equal((ulong)Count, Delta(before, await Node.PortAsync("s0"), "rx_packets"));
        await AssertLedgerAsync("u0");
    }

    /// <summary>Has neither host ask for the other's address: nothing is on the wire but what a test sends.</summary>
    private async Task FixNeighboursAsync()
    {
        foreach ((NetSpace here, string device, string address, NetSpace there, string peer) in new[]
        {
            (Left, "left0", RightAddress, Right, "right0"), (Right, "right0", LeftAddress, Left, "left0"),
        })
        {
            string[] link = (await there.IpAsync("-o", "link", "show", peer)).Split(' ');
            string mac = link[Array.IndexOf(link, "link/ether") + 1];
            await here.IpAsync("neigh", "replace", address, "lladdr", mac, "dev", device, "nud", "permanent");
        }
    }

    private static void AssertComplete(long sent, Tally tally)
    {
        Assert.Equal(0, tally.ReceiverDropped);
        Assert.Equal(sent, tally.Unique);
        Assert.True(tally is { Lost: 0, Duplicated: 0, Reordered: 0, Corrupted: 0 }, tally.Text);
    }

    private async Task AssertLedgerAsync(string umem)
    {
        JsonNode ledger = await Node.ClosedLedgerAsync(umem);
        Assert.Equal(0ul, Json.ULong(ledger["wild_completions"]));
    }

    private static ulong Delta(JsonNode before, JsonNode after, string counter) =>
        Json.ULong(after[counter]) - Json.ULong(before[counter]);
}
