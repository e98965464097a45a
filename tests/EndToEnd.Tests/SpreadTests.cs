using System.Text.Json.Nodes;
using Nf.EndToEnd.Tests.Support;
using Nf.EndToEnd.Tests.Support.Guests;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests;

/// <summary>Endpoints whose frames are spread over CPUs by a cpumap in user space.</summary>
[Trait("Tier", "e2e")]
public sealed class SpreadTests(ITestOutputHelper output) : RestartTest(output)
{
    private const int Kills = 5;

    // What the fill ring of a socket holds is the most that can be on other workers at a time.
    private const ulong InFlightMax = 4096;

    // The last three are the kernel's: while no life runs, its rings take what they can hold.
    private static readonly string[] Losses =
    [
        "cpumap_lost", "cpumap_full", "cpumap_no_entry", "tx_ring_full", "rx_ring_full", "rx_fill_ring_empty",
        "rx_dropped",
    ];

    private readonly ITestOutputHelper _output = output;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Link_BothEndsSpread_KeepsEveryFlowInOrderAndLosesNothing(bool twoUmems)
    {
        await SpreadAsync(twoUmems);
        await Node.LinkAsync("l0", Spread(VhostNode.Socket("s0")), Spread(VhostNode.Socket("s1")));
        await PingableAsync();

        await using BothWays traffic = await StartTrafficAsync();
        await ArrivingAsync();

        await AssertCompleteAsync(traffic);
        await AssertClosedAsync(twoUmems);
    }

    [Fact]
    public async Task Bridge_EndpointsSpread_CarriesFlowsInOrder()
    {
        await SpreadAsync(twoUmems: false);
        await Node.BridgeAsync("b0", Spread(VhostNode.Socket("s0")), Spread(VhostNode.Socket("s1")));
        await PingableAsync();

        await using BothWays traffic = await StartTrafficAsync();
        await ArrivingAsync();

        await AssertCompleteAsync(traffic);
        await AssertClosedAsync(twoUmems: false);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DataPlane_KilledWhileFlowsAreSpread_CountsWhatItLost(bool twoUmems)
    {
        await SpreadAsync(twoUmems);
        await Node.LinkAsync("l0", Spread(VhostNode.Socket("s0")), Spread(VhostNode.Socket("s1")));
        await PingableAsync();

        await using BothWays traffic = await StartTrafficAsync();
        await KillDataPlaneAsync(Kills);

        foreach ((Traffic way, string receiver) in new[] { (traffic.Right, "s0"), (traffic.Left, "s1") })
        {
            (long sent, Tally tally) = await way.StopAsync();
            ulong dropped = await DroppedAsync(receiver);
            _output.WriteLine($"{receiver}: {dropped} counted as dropped; {tally.Text}");
            Assert.True(sent > Rate, $"only {sent} packets were sent");
            Assert.True(tally is { Duplicated: 0, Reordered: 0, Corrupted: 0, ReceiverDropped: 0 }, tally.Text);
            Assert.True((ulong)tally.Lost <= dropped, $"{dropped} counted; {tally.Text}");
            Assert.InRange(dropped, 0ul, Kills * InFlightMax);
        }

        await AssertClosedAsync(twoUmems);
    }

    // A cpumap of two CPUs, and a socket on each interface.
    private async Task SpreadAsync(bool twoUmems)
    {
        await Client.CallAsync(
            "CpumapService.CreateCpumap", new { name = "fan", spec = new { backend = "CPUMAP_BACKEND_USERSPACE" } });
        foreach (uint cpu in new[] { 0u, 1u })
        {
            await Client.CallAsync(
                "CpumapService.UpdateCpumapEntry", new { cpumap = "fan", entry = new { cpu, queue_size = 1024 } });
        }

        await Node.UmemAsync("u0");
        if (twoUmems)
        {
            await Node.UmemAsync("u1");
        }

        await Node.SocketAsync("s0", "u0", Middle, "near0");
        await Node.SocketAsync("s1", twoUmems ? "u1" : "u0", Middle, "near1");
    }

    private static Dictionary<string, object> Spread(object endpoint) =>
        new Dictionary<string, object>((Dictionary<string, object>)endpoint) { ["cpumap"] = new { cpumap = "fan" } };

    private async Task<ulong> DroppedAsync(string socket)
    {
        JsonNode port = await Node.PortAsync(socket);
        return port["drops"]!.AsArray()
            .Where(drop => Losses.Contains(drop!["reason"]!.GetValue<string>()))
            .Aggregate(0ul, (sum, drop) => sum + Json.ULong(drop!["packets"]));
    }

    private async Task AssertClosedAsync(bool twoUmems)
    {
        foreach (string umem in twoUmems ? new[] { "u0", "u1" } : ["u0"])
        {
            await Node.ClosedLedgerAsync(umem);
        }
    }
}
