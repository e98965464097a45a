using Nf.EndToEnd.Tests.Support;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests;

/// <summary>With what the chart gives the data plane by default: no SYS_ADMIN, so no namespace but its own.</summary>
[Trait("Tier", "e2e")]
public sealed class CapabilityTests(ITestOutputHelper output) : RestartTest(output)
{
    private const int Kills = 5;

    // dataPlane.capabilities of helm/nf-service/values.yaml.
    protected override string[] Wrapper =>
        [.. base.Wrapper, .. Node.OnlyWith("net_admin,net_raw,bpf,perfmon,ipc_lock")];

    protected override bool InMiddle => true;

    [Fact]
    public async Task DataPlane_WithTheChartsCapabilitiesKilledUnderTraffic_LosesNothingAndGoesOnInTime()
    {
        await ConnectAsync();
        await PingableAsync();
        await using BothWays traffic = await StartTrafficAsync();
        await KillDataPlaneAsync(Kills);

        await AssertCompleteAsync(traffic, LongestGapMs);
        await AssertResourcesAsync();
        await Node.ClosedLedgerAsync("u0");
    }
}
