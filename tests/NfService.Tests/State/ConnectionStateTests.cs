namespace Nf.Service.Tests;

/// <summary>Rules between devices, sockets, links and bridges.</summary>
public sealed class ConnectionStateTests
{
    private readonly DesiredState _state = new(QuotaTable.Unlimited);

    public ConnectionStateTests()
    {
        _state.Add(DesiredUmem.From(Requests.Umem()));
        _state.Add(DesiredXskSocket.From(Requests.Socket("a")));
        _state.Add(DesiredXskSocket.From(Requests.Socket("b", queue: 1)));
        foreach (string name in new[] { "v", "w", "x" })
        {
            _state.Add(DesiredVhostDevice.From(Requests.Vhost(name)));
        }
    }

    [Fact]
    public void Add_DeviceOfALinkToABridge_NamesTheLink()
    {
        _state.Add(Link("l", "v", "a"));

        var error = Assert.Throws<ResourceInUseException>(() => _state.Add(Bridge("v", "w")));

        Assert.Equal(("SOCKET_IN_LINK", "link", "l"), (error.Reason, error.UserType, error.Users.Single()));
    }

    [Fact]
    public void Add_DeviceOfABridgeToALink_NamesTheBridge()
    {
        _state.Add(Bridge("v", "w"));

        var error = Assert.Throws<ResourceInUseException>(() => _state.Add(Link("l", "v", "a")));

        Assert.Equal(("SOCKET_IN_BRIDGE", "bridge", "br"), (error.Reason, error.UserType, error.Users.Single()));
    }

    [Fact]
    public void Add_UnknownDevice_IsNotFoundThoughASocketHasTheName()
    {
        var error = Assert.Throws<UnknownResourceException>(() => _state.Add(Bridge("a", "v")));

        Assert.Equal(("vhost_device", "a"), (error.ResourceType, error.ResourceName));
    }

    [Fact]
    public void Add_PathOfAnotherDevice_IsRefused()
    {
        var error = Assert.Throws<ResourceInUseException>(() => _state.Add(
            DesiredVhostDevice.From(Requests.Vhost("y", s => s.SocketPath = "/run/nf/v.sock"))));

        Assert.Equal(("SOCKET_PATH_TAKEN", "v"), (error.Reason, error.Users.Single()));
        Assert.Contains("spec.socket_path", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RemoveUnused_DeviceInABridge_IsRefusedUntilTheBridgeIsGone()
    {
        DesiredBridge bridge = Bridge("v", "w");
        _state.Add(bridge);
        DesiredVhostDevice device = _state.FindVhostDevice(ResourceName.Parse("v"))!;

        Assert.Throws<ResourceInUseException>(() => _state.RemoveUnused(device));
        _state.RemoveUnused(bridge);
        _state.RemoveUnused(device);

        Assert.Equal(["w", "x"], _state.VhostDevices.Select(d => d.Name.Value));
    }

    [Fact]
    public void Add_LinkOfTwoDevices_LeavesTheThirdFree()
    {
        _state.Add(DesiredLink.From(Requests.Link("l", Requests.Device("v"), Requests.Device("w"))));

        Assert.Empty(_state.UsersOf(_state.FindVhostDevice(ResourceName.Parse("x"))!));
        Assert.Throws<ResourceInUseException>(() => _state.Add(Link("m", "w", "a")));
    }

    private static DesiredLink Link(string name, string device, string socket) =>
        DesiredLink.From(Requests.Link(name, Requests.Device(device), Requests.Sockets(socket)));

    private static DesiredBridge Bridge(params string[] devices) =>
        DesiredBridge.From(Requests.Bridge("br", devices.Select(Requests.Device)));
}
