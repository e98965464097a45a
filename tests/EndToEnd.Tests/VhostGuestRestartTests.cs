using System.Text.Json.Nodes;
using Nf.EndToEnd.Tests.Support;
using Nf.EndToEnd.Tests.Support.Guests;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests;

/// <summary>SIGKILL under virtual machines that talk: of the data plane, and of the whole node.</summary>
[Trait("Tier", "e2e")]
[Collection(GuestPair.Shared)]
public sealed class VhostGuestRestartTests(GuestPair pair, ITestOutputHelper output) : IDisposable
{
    private const int Rate = 500;
    private const int Kills = 10, KillsOnBridge = 4;
    private const int BurstMax = 64;

    private static readonly string[] Devices = [GuestPair.DeviceA, GuestPair.DeviceB];

    private Node Node => pair.Node;

    public void Dispose() => output.WriteLine(pair.Logs);

    [Fact]
    public async Task DataPlane_KilledTenTimesUnderTraffic_GuestsNoticeNothingButAGap()
    {
        await pair.LinkAsync(VhostNode.Device(GuestPair.DeviceA), VhostNode.Device(GuestPair.DeviceB));
        await pair.A.PingableAsync(GuestPair.AddressB);
        GuestTraffic there = await GuestTraffic.StartAsync(pair.A, pair.B, Rate);
        GuestTraffic back = await GuestTraffic.StartAsync(pair.B, pair.A, Rate);
        Losses losses = await KillAsync(Kills, Devices);
        await ArrivingAsync(Devices);
        (long sentThere, Tally atB) = await there.StopAsync();
        (long sentBack, Tally atA) = await back.StopAsync();
        losses = await CountAsync(losses);
        output.WriteLine($"A to B: {atB.Text}\nB to A: {atA.Text}\ncounted drops: {losses.Counted}");
        AssertIntact(sentThere, atB, Kills);
        AssertIntact(sentBack, atA, Kills);
        long lost = atA.Lost + atB.Lost;
        Assert.True(lost <= losses.Possible, $"{atA.Lost} + {atB.Lost} lost, {losses} ");
        await pair.A.PingableAsync(GuestPair.AddressB);
    }

    // Nobody has heard of the receiver of these frames, so each goes to the other guest and to the veth.
    [Fact]
    public async Task DataPlane_KilledUnderABridge_FloodsOnToTheGuestAndTheVeth()
    {
        await pair.BridgeAsync();
        await pair.A.PingableAsync(GuestPair.AddressB);
        await pair.A.PingableAsync(GuestPair.AddressLeft);
        await using Daemon left = Daemon.Start("nf-seqrecv", pair.Left.Inside(
            [await Layout.ToolAsync("nf-seqrecv"), "--if", "left0", .. GuestTraffic.Shape()]));
        await left.LineAsync("ready");
        GuestTraffic traffic = await GuestTraffic.StartAsync(pair.A, pair.B, Rate);
        Losses losses = await KillAsync(KillsOnBridge, GuestPair.DeviceA);
        await ArrivingAsync(GuestPair.DeviceA);
        (long sent, Tally atB) = await traffic.StopAsync();
        await left.StopAsync();
        Tally atLeft = GuestTraffic.Judge(sent, JsonNode.Parse(await left.LineAsync("{"))!);
        losses = await CountAsync(losses);
        output.WriteLine($"to B: {atB.Text}\nto the veth: {atLeft.Text}\ncounted drops: {losses.Counted}");
        AssertIntact(sent, atB, KillsOnBridge);
        AssertIntact(sent, atLeft, KillsOnBridge);
        Assert.True(atB.Lost <= losses.Possible, $"{atB.Lost} lost, {losses}");
        Assert.Equal(0, atLeft.Lost);
        await pair.B.PingableAsync(GuestPair.AddressLeft);
    }

    // Nothing is left of the rings but what is in the guests' memory. A split ring says there how far it is; a packed
    // one does not, so its driver has to begin anew.
    [Fact]
    public async Task Node_KilledUnderTraffic_QemusConnectAgainAndGuestsGoOn()
    {
        await pair.BridgeAsync();
        await pair.A.PingableAsync(GuestPair.AddressLeft);
        await pair.B.PingableAsync(GuestPair.AddressLeft);
        await pair.A.RunAsync(
            $"ping -i 0.01 {GuestPair.AddressLeft} >/tmp/flood.log 2>&1 & echo $! >/tmp/flood.pid");
        for (int i = 0; i < 2; i++)
        {
            await ArrivingAsync(10, GuestPair.DeviceA);
            await Node.KillAndStartAsync();
            foreach (string device in Devices)
            {
                await Node.VhostStateAsync(device, "STARTED");
            }

            await ArrivingAsync(10, GuestPair.DeviceA);
        }

        await pair.A.RunAsync("kill -INT $(cat /tmp/flood.pid)");
        output.WriteLine(await pair.A.RunAsync("tail -n 3 /tmp/flood.log"));
        await pair.A.PingableAsync(GuestPair.AddressLeft);
        await pair.B.RunAsync("nic_down && nic_up");
        await pair.B.PingableAsync(GuestPair.AddressLeft);
        await pair.A.PingableAsync(GuestPair.AddressB);
    }

    /// <summary>Kills one life after the other, each under traffic.</summary>
    private async Task<Losses> KillAsync(int kills, params string[] sources)
    {
        JsonNode plane = await Node.ConnectedAsync();
        ulong[] connections = await ConnectionsAsync();
        Losses losses = await CountAsync(new Losses(0, 0, null));
        for (int kill = 1; kill <= kills; kill++)
        {
            await ArrivingAsync(sources);
            await Shell.SignalAsync("KILL", Node.Pid(plane));
            JsonNode next = await Node.ConnectedAsync(Node.Generation(plane) + 1);
            Assert.True(next["adopted"]!.GetValue<bool>());
            plane = next;
            losses = await CountAsync(losses);
        }

        Assert.Equal(connections, await ConnectionsAsync());
        return losses;
    }

    private Task<ulong[]> ConnectionsAsync() => Task.WhenAll(Devices.Select(Node.VhostConnectionsAsync));

    /// <summary>Waits until half a second's worth of packets has come from each of the guests.</summary>
    private Task ArrivingAsync(params string[] devices) => ArrivingAsync(Rate / 2, devices);

    private async Task ArrivingAsync(int packets, params string[] devices)
    {
        foreach (string device in devices)
        {
            ulong before = await Node.VhostSumAsync(device, "rx_packets");
            await Eventually.TrueAsync($"packets come from {device}", async () =>
                await Node.VhostSumAsync(device, "rx_packets") >= before + (ulong)packets);
        }
    }

    // A guest that is kept from its CPU for seconds leaves us without buffers. Such losses are counted, but for a burst
    // of each guest that was dropped and not yet counted when a life ended; and none was where nothing was counted.
    private async Task<Losses> CountAsync(Losses before)
    {
        ulong now = await Node.VhostDropsAsync(GuestPair.DeviceA) + await Node.VhostDropsAsync(GuestPair.DeviceB);
        long more = (long)(now - (before.CounterStood ?? now));
        return new Losses(
            before.Counted + more, before.Possible + more + (more == 0 ? 0 : 2 * BurstMax), now);
    }

    private static void AssertIntact(long sent, Tally tally, int kills)
    {
        Assert.True(sent > Rate, tally.Text);
        Assert.Equal(0, tally.ReceiverDropped);
        Assert.Equal(0, tally.Corrupted);
        Assert.Equal(0, tally.Reordered);
        // What was sent and not yet given back at a kill is sent again.
        Assert.InRange(tally.Duplicated, 0, kills * BurstMax);
    }

    /// <summary>Frames that were dropped and counted, and how many may be missing.</summary>
    private sealed record Losses(long Counted, long Possible, ulong? CounterStood);
}
