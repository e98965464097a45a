using System.Text.Json.Nodes;
using Nf.EndToEnd.Tests.Support;
using Nf.EndToEnd.Tests.Support.Guests;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests;

/// <summary>Virtual machines talk through us, to each other and to a veth, whatever happens to them.</summary>
[Trait("Tier", "e2e")]
[Collection(GuestPair.Shared)]
public sealed class VhostGuestTests(GuestPair pair, ITestOutputHelper output) : IDisposable
{
    private static object DeviceA => VhostNode.Device(GuestPair.DeviceA);

    private static object DeviceB => VhostNode.Device(GuestPair.DeviceB);

    private static object SocketLeft => VhostNode.Socket(GuestPair.Socket);

    public void Dispose() => output.WriteLine(pair.Logs);

    [Fact]
    public async Task TwoGuests_OnALink_PingAndCarryTcpBothWays()
    {
        await pair.LinkAsync(DeviceA, DeviceB);
        await pair.A.PingableAsync(GuestPair.AddressB);
        foreach (string size in new[] { "0", "18", "1472" })
        {
            string text = await pair.A.RunAsync($"ping -c 50 -i 0.02 -W 2 -s {size} {GuestPair.AddressB}");
            Assert.True(text.Contains("50 packets received", StringComparison.Ordinal), text);
        }

        await AssertTcpAsync(pair.A, pair.B);
        await AssertTcpAsync(pair.B, pair.A);
    }

    [Fact]
    public async Task TwoGuestsAndAVeth_OnABridge_ReachEachOther()
    {
        await pair.BridgeAsync();
        await pair.A.PingableAsync(GuestPair.AddressB);
        await pair.B.PingableAsync(GuestPair.AddressLeft);
        await pair.A.PingableAsync(GuestPair.AddressLeft);
        await AssertTcpAsync(pair.A, pair.B);

        JsonNode answer = await pair.Node.Client.CallAsync("BridgeService.ListBridgeEntries", new { name = "br0" });
        string[] learned = [.. answer["entries"]!.AsArray().Select(e => e!["mac"]!.GetValue<string>())];
        Assert.Contains(pair.A.Spec.Mac, learned);
        Assert.Contains(pair.B.Spec.Mac, learned);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task GuestAndVeth_OnALink_CarryTcpAndUdpWithRightChecksums(bool packed)
    {
        Guest guest = packed ? pair.B : pair.A;
        await pair.LinkAsync(packed ? DeviceB : DeviceA, SocketLeft);
        await AssertReachesVethAsync(guest, "-t 2", "-t 2 -R", "-u -b 20M -l 1400 -t 1", "-u -b 20M -l 1400 -t 1 -R");
    }

    [Theory]
    [InlineData("mrg_rxbuf=off")]
    [InlineData("event_idx=off,indirect_desc=off")]
    [InlineData("csum=off,guest_csum=off,guest_tso4=off,guest_tso6=off,host_tso4=off,host_tso6=off,mrg_rxbuf=off")]
    [InlineData("packed=on,event_idx=off,mrg_rxbuf=off")]
    [InlineData("disable-modern=on")]
    public async Task GuestWithOtherFeatures_OnALinkToAVeth_CarriesTcpWithRightChecksums(string properties)
    {
        await using Guest guest = await pair.OneMoreAsync(properties: properties);
        await AssertReachesVethAsync(guest, "-t 1", "-t 1 -R");
    }

    [Fact]
    public async Task GuestWithTwoQueuePairs_WhoseQemuListens_ChangesTheirNumberAndOutlivesTheNode()
    {
        await using Guest guest = await pair.OneMoreAsync(pairs: 2);
        await guest.PingableAsync(GuestPair.AddressLeft);
        await using Daemon server = Daemon.Start("iperf3 -s", pair.Left.Inside("iperf3", "-s", "--forceflush"));
        await server.LineAsync("Server listening");
        foreach (int queues in new[] { 2, 1, 2 })
        {
            await guest.RunAsync(
                $"iperf3 -c {GuestPair.AddressLeft} -P 4 -t 3 -J >/tmp/report & echo $! >/tmp/iperf.pid");
            await guest.RunAsync($"ethtool -L eth0 combined {queues}");
            JsonNode report = JsonNode.Parse(await guest.RunAsync(
                "while kill -0 $(cat /tmp/iperf.pid) 2>/dev/null; do usleep 50000; done; cat /tmp/report"))!;
            double bytes = report["end"]!["sum_received"]!["bytes"]!.GetValue<double>();
            Assert.True(bytes > 500_000, report["end"]!.ToJsonString());
            await guest.PingableAsync(GuestPair.AddressLeft);
        }

        Assert.Equal(2, (await pair.Node.VhostPortsAsync(GuestPair.DeviceC)).Count);
        Assert.Equal((0, 0), await BadChecksumsAsync(guest));

        await pair.Node.KillAndStartAsync();
        await pair.Node.VhostStateAsync(GuestPair.DeviceC, "STARTED");
        await guest.PingableAsync(GuestPair.AddressLeft);

        // The guests of the other tests outlive it, too; the one with packed rings, which do not say how far they are,
        // begins anew.
        foreach (string device in new[] { GuestPair.DeviceA, GuestPair.DeviceB })
        {
            await pair.Node.VhostStateAsync(device, "STARTED");
        }

        await pair.A.RunAsync("nic_down && nic_up");
        await pair.B.RunAsync("nic_down && nic_up");
    }

    [Fact]
    public async Task Guest_ReloadsItsDriverAndReboots_ComesBackBothTimes()
    {
        await pair.LinkAsync(DeviceA, DeviceB);
        await pair.A.PingableAsync(GuestPair.AddressB);
        foreach (Guest guest in new[] { pair.A, pair.B })
        {
            for (int i = 0; i < 3; i++)
            {
                await guest.RunAsync("nic_down && nic_up");
            }

            await pair.A.PingableAsync(GuestPair.AddressB);
            await guest.RebootAsync();
            await pair.A.PingableAsync(GuestPair.AddressB);
        }
    }

    [Fact]
    public async Task Qemu_KilledUnderTraffic_CostsOnlyItselfAndTheNextOneIsServed()
    {
        await pair.BridgeAsync();
        await pair.A.PingableAsync(GuestPair.AddressLeft);
        await pair.A.PingableAsync(GuestPair.AddressB);
        await pair.A.RunAsync($"ping -i 0.01 {GuestPair.AddressB} >/dev/null 2>&1 & echo $! >/tmp/flood.pid");
        await pair.ReplaceBAsync();
        await pair.A.RunAsync("kill $(cat /tmp/flood.pid)");
        await pair.A.PingableAsync(GuestPair.AddressB);
        await pair.A.PingableAsync(GuestPair.AddressLeft);
    }

    private async Task AssertTcpAsync(Guest from, Guest to)
    {
        await to.RunAsync("iperf3 -s -1 -D");
        await Eventually.TrueAsync("iperf3 listens in the guest", async () =>
            (await to.Shell.TryAsync("netstat -ltn | grep -q :5201")).ExitCode == 0);
        JsonNode report = JsonNode.Parse(await from.RunAsync($"iperf3 -c {to.Address} -t 2 -J"))!;
        JsonNode sum = report["end"]!["sum_received"]!;
        output.WriteLine($"{from.Spec.Name} to {to.Spec.Name}: {sum.ToJsonString()}");
        Assert.True(sum["bytes"]!.GetValue<double>() > 1e6, sum.ToJsonString());
        Assert.Equal((0, 0), await BadChecksumsAsync(to));
    }

    private async Task AssertReachesVethAsync(Guest guest, params string[] runs)
    {
        await guest.PingableAsync(GuestPair.AddressLeft);
        await using Daemon server = Daemon.Start(
            "iperf3 -s", pair.Left.Inside("iperf3", "-s", "--forceflush"));
        await server.LineAsync("Server listening");
        foreach (string options in runs)
        {
            JsonNode report = JsonNode.Parse(await guest.RunAsync($"iperf3 -c {GuestPair.AddressLeft} -J {options}"))!;
            JsonNode sum = report["end"]!["sum_received"] ?? report["end"]!["sum"]!;
            output.WriteLine($"{options}: {sum.ToJsonString()}");
            Assert.True(sum["bytes"]!.GetValue<double>() > 500_000, $"{options}: {sum.ToJsonString()}");
        }

        Assert.Equal((0, 0), await BadChecksumsAsync(guest));
        string nstat = await pair.LeftAsync("nstat", "-asz", "TcpInCsumErrors", "UdpInCsumErrors");
        Assert.All(nstat.Split('\n').Where(l => l.Contains("InCsumErrors", StringComparison.Ordinal)), line =>
            Assert.Equal("0", line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]));
    }

    /// <summary>Segments and datagrams with a wrong checksum that a guest has seen since it booted.</summary>
    private static async Task<(int Tcp, int Udp)> BadChecksumsAsync(Guest guest)
    {
        string[] lines = (await guest.RunAsync("cat /proc/net/snmp")).Split('\n');
        int Of(string protocol)
        {
            string[][] rows = [.. lines.Where(l => l.StartsWith(protocol + ":", StringComparison.Ordinal))
                .Select(l => l.Split(' '))];
            return int.Parse(
                rows[1][Array.IndexOf(rows[0], "InCsumErrors")], System.Globalization.CultureInfo.InvariantCulture);
        }

        return (Of("Tcp"), Of("Udp"));
    }
}
