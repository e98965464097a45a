using System.Text.Json.Nodes;
using Nf.EndToEnd.Tests.Support;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests;

/// <summary>SIGKILL under traffic: of the control plane, and of the data plane again and again.</summary>
[Trait("Tier", "e2e")]
public sealed class RestartTests(ITestOutputHelper output) : RestartTest(output)
{
    private const int Kills = 20;

    [Fact]
    public async Task Service_KilledUnderTraffic_CostsNoPacketAndLearnsWhatRuns()
    {
        await ConnectAsync();
        await PingableAsync();
        JsonNode plane = await Node.ConnectedAsync();
        await using BothWays traffic = await StartTrafficAsync();
        await ArrivingAsync();

        await Node.KillServiceAsync();
        await ArrivingAsync();
        Node.StartService();
        JsonNode again = await Node.ConnectedAsync();
        Assert.Equal(Node.Pid(plane), Node.Pid(again));
        Assert.Equal(Node.Generation(plane), Node.Generation(again));
        await AssertResourcesAsync();
        await ArrivingAsync();

        await AssertCompleteAsync(traffic);
        await Node.ClosedLedgerAsync("u0");
        await Client.CallAsync("LinkService.DeleteLink", new { name = "l0" });
        await Client.CallAsync("UmemService.DeleteUmem", new { name = "u0", force = true });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DataPlane_KilledTwentyTimesUnderTraffic_LosesNothingAndGoesOnInTime(bool twoUmems)
    {
        await ConnectAsync(twoUmems);
        await PingableAsync();
        await using BothWays traffic = await StartTrafficAsync();
        await KillDataPlaneAsync(Kills);

        await AssertCompleteAsync(traffic, LongestGapMs);
        await AssertResourcesAsync();
        foreach (string umem in twoUmems ? new[] { "u0", "u1" } : ["u0"])
        {
            await Node.ClosedLedgerAsync(umem);
        }
    }
}
