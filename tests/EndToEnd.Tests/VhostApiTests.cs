using System.Net.Sockets;
using System.Text.Json.Nodes;
using Nf.EndToEnd.Tests.Support;
using Nf.EndToEnd.Tests.Support.Guests;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests;

/// <summary>vhost-user devices and bridges without a guest, through a client that knows nothing of us but the
/// protos.</summary>
[Trait("Tier", "e2e")]
public sealed class VhostApiTests(NodeFixture fixture, ITestOutputHelper output) : IClassFixture<NodeFixture>,
    IAsyncLifetime
{
    private Node Node => fixture.Node;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        output.WriteLine(Node.Logs);
        await Node.Client.TryAsync("BridgeService.DeleteBridge", new { name = "br" });
        foreach (string name in new[] { "a", "b" })
        {
            await Node.Client.TryAsync("VhostDeviceService.DeleteVhostDevice", new { name, force = true });
        }
    }

    [Fact]
    public async Task Device_CreatedReadListedDeleted_IsWhatWasAskedFor()
    {
        string path = fixture.File("a.sock");
        JsonNode device = (await Node.VhostAsync("a", path, pairs: 2))["vhost_device"]!;
        Assert.Equal("VHOST_STATE_LISTENING", device["status"]!["state"]!.GetValue<string>());
        Assert.Equal(2, device["status"]!["segment_slots"]!.AsArray().Count);
        Assert.True(device["spec"]!["features"]!["mergeable"]!.GetValue<bool>());
        Assert.Equal("660", (await Shell.RunAsync("stat", "-c", "%a", path)).Trim());

        JsonNode listed = await Node.Client.CallAsync("VhostDeviceService.ListVhostDevices");
        Assert.Equal(["a"], listed["vhost_devices"]!.AsArray().Select(d => d!["name"]!.GetValue<string>()));
        Assert.Equal(2, (await Node.VhostPortsAsync("a")).Count);

        await Node.DeleteVhostAsync("a");
        Assert.False(File.Exists(path));
        Answer gone = await Node.Client.TryAsync("VhostDeviceService.GetVhostDevice", new { name = "a" });
        Assert.Equal("NOT_FOUND", gone.Code);
    }

    [Fact]
    public async Task Device_NobodyConnected_SaysWhatToDo()
    {
        await Node.VhostAsync("a", fixture.File("a.sock"));
        await Node.VhostAsync("b", fixture.File("b.sock"), client: true);

        JsonNode server = await Node.VhostStatusAsync("a");
        JsonNode client = await Node.VhostStateAsync("b", "CONNECTING");

        Assert.Contains(Diagnosis(server), s => s.Contains("no front-end is connected", StringComparison.Ordinal));
        Assert.Contains(Diagnosis(client), s => s.Contains("server=on", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Create_SeveralFaults_AreAllNamedAtOnce()
    {
        Answer answer = await Node.Client.TryAsync("VhostDeviceService.CreateVhostDevice", new
        {
            name = "a",
            spec = new { socket_path = "a.sock", queue_pairs = 99, mac = "01:00:00:00:00:00", mtu_bytes = 5 },
        });

        Assert.Equal("INVALID_ARGUMENT", answer.Code);
        Assert.Equal(["spec.socket_path", "spec.queue_pairs", "spec.mtu_bytes", "spec.mac"], answer.Fields);
    }

    [Fact]
    public async Task Create_PathThatIsTaken_IsRefusedAndItsOwnerKeepsIt()
    {
        string file = fixture.File("file");
        await File.WriteAllTextAsync(file, "of someone");
        string living = fixture.File("living.sock");
        using Socket listener = Listen(living);

        Answer overFile = await CreateAsync("a", file);
        Answer overSocket = await CreateAsync("a", living);
        Answer nowhere = await CreateAsync("a", fixture.File("no/such/folder.sock"));

        Assert.Equal(("FAILED_PRECONDITION", "SOCKET_PATH_TAKEN"), (overFile.Code, overFile.Reason));
        Assert.Equal(("FAILED_PRECONDITION", "SOCKET_PATH_TAKEN"), (overSocket.Code, overSocket.Reason));
        Assert.Equal("INVALID_ARGUMENT", nowhere.Code);
        Assert.Equal(["spec.socket_path"], nowhere.Fields);
        Assert.Equal("of someone", await File.ReadAllTextAsync(file));
        using var caller = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await caller.ConnectAsync(new UnixDomainSocketEndPoint(living));
    }

    [Fact]
    public async Task Create_PathOfADeadListener_IsTakenOver()
    {
        string path = fixture.File("stale.sock");
        await Shell.RunAsync(
            "/usr/bin/python3", "-c", "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", path);
        Assert.True(File.Exists(path));

        await Node.VhostAsync("a", path);

        using var caller = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await caller.ConnectAsync(new UnixDomainSocketEndPoint(path));
        JsonNode status = await Node.VhostStateAsync("a", "CONNECTED");
        Assert.Equal(Environment.ProcessId, status["peer_pid"]!.GetValue<int>());
        Assert.Contains(Diagnosis(status), s => s.Contains("has said nothing", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Bridge_OfTwoDevices_HoldsThemUntilForced()
    {
        await Node.VhostAsync("a", fixture.File("a.sock"));
        await Node.VhostAsync("b", fixture.File("b.sock"));
        await Node.BridgeAsync("br", VhostNode.Device("a"), VhostNode.Device("b"));

        JsonNode bridge = (await Node.Client.CallAsync("BridgeService.GetBridge", new { name = "br" }))["bridge"]!;
        JsonNode entries = await Node.Client.CallAsync("BridgeService.ListBridgeEntries", new { name = "br" });
        Answer inUse = await Node.Client.TryAsync("VhostDeviceService.DeleteVhostDevice", new { name = "a" });
        Answer second = await Node.Client.TryAsync("LinkService.CreateLink", new
        {
            name = "l",
            spec = new { a = VhostNode.Device("a"), b = VhostNode.Device("b") },
        });

        Assert.Equal("BRIDGE_STATE_DEGRADED", bridge["status"]!["state"]!.GetValue<string>());
        Assert.Equal(2, bridge["status"]!["ports"]!.AsArray().Count);
        Assert.Empty(entries["entries"]!.AsArray());
        Assert.Equal("br", (await Node.VhostStatusAsync("a"))["bridge"]!.GetValue<string>());
        Assert.Equal(("FAILED_PRECONDITION", "IN_USE"), (inUse.Code, inUse.Reason));
        Assert.Equal(("FAILED_PRECONDITION", "SOCKET_IN_BRIDGE"), (second.Code, second.Reason));
        await Node.DeleteVhostAsync("a");
        Answer gone = await Node.Client.TryAsync("BridgeService.GetBridge", new { name = "br" });
        Assert.Equal("NOT_FOUND", gone.Code);
    }

    [Fact]
    public async Task Service_KilledAndStartedAgain_KnowsTheDevicesAndTheirBridge()
    {
        await Node.VhostAsync("a", fixture.File("a.sock"));
        await Node.VhostAsync("b", fixture.File("b.sock"));
        await Node.BridgeAsync("br", VhostNode.Device("a"), VhostNode.Device("b"));

        await Node.KillServiceAsync();
        Node.StartService();
        await Node.ConnectedAsync();

        await Eventually.TrueAsync("the bridge is known again", async () =>
            (await Node.Client.TryAsync("BridgeService.GetBridge", new { name = "br" })).Ok);
        Answer inUse = await Node.Client.TryAsync("VhostDeviceService.DeleteVhostDevice", new { name = "b" });
        Assert.Equal("FAILED_PRECONDITION", inUse.Code);
    }

    private Task<Answer> CreateAsync(string name, string path) => Node.Client.TryAsync(
        "VhostDeviceService.CreateVhostDevice", new { name, spec = new { socket_path = path } });

    private static Socket Listen(string path)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        return listener;
    }

    private static string[] Diagnosis(JsonNode status) =>
        [.. status["diagnosis"]!.AsArray().Select(sentence => sentence!.GetValue<string>())];
}
