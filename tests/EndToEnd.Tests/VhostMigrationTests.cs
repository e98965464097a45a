using System.Globalization;
using System.Text.Json.Nodes;
using Nf.EndToEnd.Tests.Support;
using Nf.EndToEnd.Tests.Support.Guests;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests;

/// <summary>A guest moves from one QEMU to another, and from one of our devices to another, while it talks.</summary>
[Trait("Tier", "e2e")]
public sealed class VhostMigrationTests(NodeFixture fixture, ITestOutputHelper output) : IClassFixture<NodeFixture>
{
    private const string Address = "198.18.9.1", AddressLeft = "198.18.9.2";
    private const int StreamBytes = 12_000_000, StreamBytesPerSecond = 1_500_000;

    private Node Node => fixture.Node;

    [Theory]
    [InlineData(false, false, 1, "", false)]
    [InlineData(true, false, 1, "", false)]
    [InlineData(true, true, 1, "", true)]
    public async Task Guest_MovedWhileDataArrives_KeepsEveryByteAndItsConnections(
        bool newerQemu, bool packed, int pairs, string properties, bool killed)
    {
        string id = string.Create(CultureInfo.InvariantCulture, $"{(newerQemu ? 10 : 7)}{(packed ? "p" : "s")}");
        await using NetSpace left = await NetSpace.CreateAsync("mleft"), middle = await NetSpace.CreateAsync("mmiddle");
        await middle.PairAsync("near0", left, "left0");
        await left.IpAsync("addr", "add", $"{AddressLeft}/24", "dev", "left0");
        await Node.UmemAsync($"u{id}");
        await Node.SocketAsync($"s{id}", $"u{id}", middle, "near0");
        string source = fixture.File($"{id}-from.sock"), target = fixture.File($"{id}-to.sock");
        string move = fixture.File($"{id}.move");
        await Node.VhostAsync($"from{id}", source, pairs);
        await Node.VhostAsync($"to{id}", target, pairs);
        await Node.BridgeAsync($"br{id}", VhostNode.Device($"from{id}"), VhostNode.Device($"to{id}"),
            VhostNode.Socket($"s{id}"));
        var spec = new GuestSpec($"{id}-from", Address, source)
        {
            NewerQemu = newerQemu,
            Packed = packed,
            QueuePairs = pairs,
            Properties = properties,
        };
        await using Guest from = await Guest.BootAsync(spec, fixture.Folder);
        await using Guest to = await Guest.StartAsync(
            spec with { Name = $"{id}-to", SocketPath = target, Incoming = $"unix:{move}" }, fixture.Folder);
        try
        {
            await MoveAsync(from, to, $"unix:{move}", left, killed);
        }
        finally
        {
            output.WriteLine($"{from.Log}\n{to.Log}\n{Node.Logs}");
        }

        await Node.Client.CallAsync("BridgeService.DeleteBridge", new { name = $"br{id}" });
        await Node.DeleteVhostAsync($"from{id}");
        await Node.DeleteVhostAsync($"to{id}");
        await Node.Client.CallAsync("UmemService.DeleteUmem", new { name = $"u{id}", force = true });
    }

    /// <summary>
    /// A stream that nobody in the guest reads piles up in its memory, in pages that we write while QEMU copies them: a
    /// page that we forget to log is old in the new machine, and the hash tells. First the machine is to move and then
    /// stays, and the log ends; then it moves, and the data plane may be killed meanwhile.
    /// </summary>
    private async Task MoveAsync(Guest from, Guest to, string uri, NetSpace left, bool killed)
    {
        await from.PingableAsync(AddressLeft);
        await from.RunAsync("sysctl -q -w net.ipv4.tcp_rmem='4096 33554432 33554432' net.core.rmem_max=33554432; "
            + "nc -l -p 7000 >/tmp/stream & echo $! >/tmp/nc.pid; ping -i 0.05 " + AddressLeft
            + " >/tmp/ping.log 2>&1 & echo $! >/tmp/ping.pid");
        await using Daemon sender = Daemon.Start("sender", left.Inside("/usr/bin/python3", "-c", Sender));
        await sender.LineAsync("sending");
        await from.RunAsync("kill -STOP $(cat /tmp/nc.pid)");

        await from.Monitor.MigrateAndCancelAsync();
        JsonNode status = await from.Monitor.MigrateAsync(
            uri, killed ? KillDataPlaneAsync : () => Task.CompletedTask, TimeSpan.FromSeconds(120));
        output.WriteLine(status.ToJsonString());
        IReadOnlyList<int> unlike = await from.PagesUnlikeAsync(to, fixture.Folder);
        Assert.True(unlike.Count == 0, $"{unlike.Count} pages differ, such as {string.Join(' ', unlike.Take(20))}");
        await to.Monitor.CallAsync("cont");
        await to.RunAsync("kill -CONT $(cat /tmp/nc.pid)");
        Assert.Equal(0, await sender.ExitAsync(TimeSpan.FromSeconds(90)));
        string sent = (await sender.LineAsync("sha256 ")).Split(' ')[1];
        await Eventually.TrueAsync("the guest has read the stream", async () =>
            (await to.Shell.TryAsync("kill -0 $(cat /tmp/nc.pid)")).ExitCode != 0);
        string[] received = (await to.RunAsync("sha256sum /tmp/stream; wc -c </tmp/stream")).Split('\n');
        Assert.Equal(StreamBytes, int.Parse(received[1], CultureInfo.InvariantCulture));
        Assert.Equal(sent, received[0].Split(' ')[0]);

        await to.PingableAsync(AddressLeft);
        await to.RunAsync("kill -INT $(cat /tmp/ping.pid)");
        output.WriteLine(await to.RunAsync("tail -n 3 /tmp/ping.log"));
        await Node.VhostStateAsync($"to{from.Spec.Name.Split('-')[0]}", "STARTED");
    }

    private async Task KillDataPlaneAsync()
    {
        JsonNode plane = await Node.ConnectedAsync();
        await Shell.SignalAsync("KILL", Node.Pid(plane));
        JsonNode next = await Node.ConnectedAsync(Node.Generation(plane) + 1);
        Assert.True(next["adopted"]!.GetValue<bool>());
    }

    private static string Sender => string.Create(CultureInfo.InvariantCulture, $$"""
        import hashlib, os, socket, time
        data = os.urandom({{StreamBytes}})
        s = socket.create_connection(('{{Address}}', 7000), 20)
        s.settimeout(60)
        began, at, told = time.monotonic(), 0, False
        while at < len(data):
            wait = began + at / {{StreamBytesPerSecond}} - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            s.sendall(data[at:at + 14480])
            at += 14480
            if not told and at > 500000:
                told = True
                print('sending', flush=True)
        s.shutdown(socket.SHUT_WR)
        print('sha256', hashlib.sha256(data).hexdigest(), flush=True)
        """);
}
