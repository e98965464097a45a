using System.Diagnostics;
using System.Text.Json.Nodes;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests.Support;

/// <summary>A node under sequence-numbered traffic in both directions, whose processes are killed.</summary>
public abstract class RestartTest(ITestOutputHelper output) : EndToEndTest(output)
{
    /// <summary>Packets per second in each direction.</summary>
    protected const int Rate = 5_000;

    /// <summary>Longest time without a packet, over all kills.</summary>
    protected const double LongestGapMs = 250;

    private readonly ITestOutputHelper _output = output;

    protected override string[] Wrapper => Node.Realtime;

    /// <summary>Starts the traffic once both receivers listen: making their rings holds up whoever sends.</summary>
    internal async Task<BothWays> StartTrafficAsync()
    {
        var traffic = new BothWays(
            await Traffic.ListenAsync(Left, "left0", Right, "right0", 10_000_000, Rate, "60:1514"),
            await Traffic.ListenAsync(Right, "right0", Left, "left0", 10_000_000, Rate, "60:1514"));
        traffic.Right.Send();
        traffic.Left.Send();
        return traffic;
    }

    /// <summary>Waits until another second's worth of packets has arrived on both sides.</summary>
    protected async Task ArrivingAsync()
    {
        ulong right = await Right.ReceivedAsync("right0"), left = await Left.ReceivedAsync("left0");
        await Eventually.TrueAsync("packets arrive", async () =>
            await Right.ReceivedAsync("right0") >= right + Rate
                && await Left.ReceivedAsync("left0") >= left + Rate);
    }

    /// <summary>Kills the data plane again and again, each time once its successor works and has a spare.</summary>
    protected async Task KillDataPlaneAsync(int times)
    {
        JsonNode plane = await Node.ConnectedAsync();
        await SpareAsync(Node.Pid(plane));
        for (int kill = 1; kill <= times; kill++)
        {
            await ArrivingAsync();
            long began = Stopwatch.GetTimestamp();
            await Shell.SignalAsync("KILL", Node.Pid(plane));
            JsonNode next = await Node.ConnectedAsync(Node.Generation(plane) + 1);
            _output.WriteLine($"kill {kill}: pid {Node.Pid(plane)} -> {Node.Pid(next)}, generation "
                + $"{Node.Generation(next)}, seen after {Stopwatch.GetElapsedTime(began).TotalMilliseconds:F0} ms");
            Assert.True(next["adopted"]!.GetValue<bool>());
            Assert.NotEqual(Node.Pid(plane), Node.Pid(next));
            plane = next;
            await SpareAsync(Node.Pid(plane));
        }

        await ArrivingAsync();
    }

    /// <summary>Ends the traffic; every packet sent must have arrived once, in order and in time.</summary>
    internal async Task AssertCompleteAsync(BothWays traffic, double? longestGapMs = null)
    {
        foreach (Traffic way in new[] { traffic.Right, traffic.Left })
        {
            (long sent, Tally tally) = await way.StopAsync();
            _output.WriteLine(tally.Text);
            Assert.Equal(0, tally.ReceiverDropped);
            Assert.True(sent > Rate, $"only {sent} packets were sent");
            Assert.True(tally is { Lost: 0, Duplicated: 0, Reordered: 0, Corrupted: 0 }, tally.Text);
            Assert.True(tally.LongestGapMs <= (longestGapMs ?? double.MaxValue), tally.Text);
        }
    }

    /// <summary>The link is up and its sockets are bound.</summary>
    protected async Task AssertResourcesAsync()
    {
        JsonNode link = await Client.CallAsync("LinkService.GetLink", new { name = "l0" });
        Assert.Equal("LINK_STATE_UP", link["link"]!["status"]!["state"]!.GetValue<string>());
        foreach (string socket in new[] { "s0", "s1" })
        {
            Assert.Equal("BOUND", await Node.StateAsync(socket));
            JsonNode told = await Client.CallAsync("XskSocketService.GetXskSocket", new { name = socket });
            Assert.Equal("veth", told["xsk_socket"]!["status"]!["driver"]!.GetValue<string>());
        }

        JsonNode umems = await Client.CallAsync("UmemService.ListUmems");
        Assert.Contains(umems["umems"]!.AsArray(), u => u!["name"]!.GetValue<string>() == "u0");
    }

    /// <summary>Waits until the keeper has started the next life beside the active one.</summary>
    private Task SpareAsync(int active) =>
        Eventually.TrueAsync("a spare life", () => Task.FromResult(
            ProcessTable.Children(Node.KeeperPid).Any(child => child != active)));

    /// <summary>The traffic to the right and the traffic to the left.</summary>
    internal sealed record BothWays(Traffic Right, Traffic Left) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Right.DisposeAsync();
            await Left.DisposeAsync();
        }
    }
}
