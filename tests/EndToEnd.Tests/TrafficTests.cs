using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Nf.EndToEnd.Tests.Support;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests;

/// <summary>Ordinary programs talk across the data plane and notice nothing.</summary>
[Trait("Tier", "e2e")]
public sealed class TrafficTests(ITestOutputHelper output) : EndToEndTest(output)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Ping_SmallestAndLargestFrames_AllAnswered(bool twoUmems)
    {
        await ConnectAsync(twoUmems);
        await PingableAsync();

        // 18 bytes of data make a frame of 60 bytes, 1472 one of the MTU; -M do forbids fragments.
        foreach (string size in new[] { "18", "0", "1472" })
        {
            string text = await Shell.RunAsync(Left.Inside(
                "ping", "-n", "-c", "200", "-i", "0.002", "-W", "2", "-M", "do", "-s", size, RightAddress));
            Assert.Contains("200 received", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Link_OneUmemOrTwo_SaysWhetherItCopies()
    {
        await ConnectAsync(twoUmems: true);
        JsonNode two = await Client.CallAsync("LinkService.GetLink", new { name = "l0" });
        Assert.False(two["link"]!["status"]!["zero_copy"]!.GetValue<bool>());

        await Client.CallAsync("LinkService.DeleteLink", new { name = "l0" });
        await Client.CallAsync("XskSocketService.UnbindXskSocket", new { name = "s1" });
        await Node.SocketAsync("s2", "u0", Middle, "near1");
        await Node.LinkAsync("l0", "s0", "s2");
        JsonNode one = await Client.CallAsync("LinkService.GetLink", new { name = "l0" });
        Assert.True(one["link"]!["status"]!["zero_copy"]!.GetValue<bool>());
        await PingableAsync();
    }

    [Fact]
    public async Task Tcp_Iperf3BothWays_CarriesDataWithGoodChecksums()
    {
        await ConnectAsync();
        await PingableAsync();
        await using Daemon server = Daemon.Start("iperf3 -s", Right.Inside("iperf3", "-s", "-1", "--forceflush"));
        await server.LineAsync("Server listening");
        JsonNode report = JsonNode.Parse(await Shell.RunAsync(Left.Inside(
            "iperf3", "-c", RightAddress, "-t", "3", "--bidir", "-J")))!;

        JsonNode end = report["end"]!;
        Assert.True(end["sum_received"]!["bytes"]!.GetValue<double>() > 10e6, end.ToJsonString());
        Assert.True(end["sum_received_bidir_reverse"]!["bytes"]!.GetValue<double>() > 10e6, end.ToJsonString());
        Assert.Equal("0", await ErrorsAsync(Right, "TcpInCsumErrors"));
        Assert.Equal("0", await ErrorsAsync(Left, "TcpInCsumErrors"));
    }

    [Fact]
    public async Task Tcp_FileAcross_ArrivesWithTheSameHash()
    {
        await ConnectAsync(twoUmems: true);
        await PingableAsync();
        string folder = Directory.CreateTempSubdirectory("nf-e2e-file-").FullName;
        try
        {
            string sent = Path.Combine(folder, "sent"), received = Path.Combine(folder, "received");
            await File.WriteAllBytesAsync(sent, RandomNumberGenerator.GetBytes(20_000_000));
            await using Daemon receiver = Daemon.Start("receiver", Right.Inside(Python(
                "s.bind(('0.0.0.0', 7000)); s.listen(1); print('ready', flush=True); c, _ = s.accept()\n"
                + "f = open(sys.argv[1], 'wb')\nwhile True:\n b = c.recv(65536)\n if not b: break\n f.write(b)",
                received)));
            await receiver.LineAsync("ready");
            await Shell.RunAsync(Left.Inside(Python(
                $"s.connect(('{RightAddress}', 7000)); s.sendall(open(sys.argv[1], 'rb').read()); s.close()", sent)));
            Assert.Equal(0, await receiver.ExitAsync(Eventually.Patience));
            Assert.Equal(await HashAsync(sent), await HashAsync(received));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Udp_TenThousandDatagrams_ArriveWithGoodChecksums()
    {
        await ConnectAsync();
        await PingableAsync();
        await using Daemon server = Daemon.Start("iperf3 -s", Right.Inside("iperf3", "-s", "-1", "--forceflush"));
        await server.LineAsync("Server listening");
        JsonNode report = JsonNode.Parse(await Shell.RunAsync(Left.Inside(
            "iperf3", "-c", RightAddress, "-u", "-b", "40M", "-l", "1000", "-t", "2", "-J")))!;

        JsonNode sum = report["end"]!["sum"]!;
        Assert.True(sum["packets"]!.GetValue<double>() >= 9_000, sum.ToJsonString());
        // iperf3 may be too slow for its own socket buffer; nothing else may lose a datagram.
        string full = await ErrorsAsync(Right, "UdpRcvbufErrors");
        Assert.Equal(double.Parse(full, CultureInfo.InvariantCulture), sum["lost_packets"]!.GetValue<double>());
        Assert.Equal("0", await ErrorsAsync(Right, "UdpInCsumErrors"));
    }

    private static async Task<byte[]> HashAsync(string path) => SHA256.HashData(await File.ReadAllBytesAsync(path));

    private static string[] Python(string body, string argument) =>
        ["/usr/bin/python3", "-c", $"import socket, sys\ns = socket.socket()\ns.setsockopt(1, 2, 1)\n{body}", argument];

    private static async Task<string> ErrorsAsync(NetSpace space, string counter)
    {
        string text = await Shell.RunAsync(space.Inside("nstat", "-asz", counter));
        return text.Split('\n').Single(l => l.StartsWith(counter, StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
    }
}
