namespace Nf.Service.Tests;

public sealed class LinkValidationTests
{
    private static readonly string[] Many = [.. Enumerable.Range(0, 65).Select(i => $"s{i}")];

    public static TheoryData<string[], string[], string> Wrong { get; } = new()
    {
        { [], ["b"], "spec.a.xsk_sockets" },
        { ["a"], [], "spec.b.xsk_sockets" },
        { ["a", "a"], ["b"], "spec.a.xsk_sockets[1]" },
        { ["a"], ["B"], "spec.b.xsk_sockets[0]" },
        { ["a", "b"], ["b", "c"], "spec.b.xsk_sockets" },
        { ["a", "b"], ["b", "a"], "spec.b.xsk_sockets" },
        { Many, ["x"], "spec.a.xsk_sockets" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void From_WrongEndpoint_NamesIt(string[] a, string[] b, string field)
    {
        var error = Assert.Throws<InvalidSpecException>(() => DesiredLink.From(Requests.Link("l", a, b)));

        Assert.All(error.Faults, fault => Assert.Equal(field, fault.Field));
    }

    [Fact]
    public void From_EqualEndpoints_IsALoop()
    {
        var link = DesiredLink.From(Requests.Link("l", ["a", "b"], ["a", "b"]));

        Assert.Equal(["a", "b"], link.Members.Select(member => member.Name));
    }

    [Fact]
    public void From_DeviceAndSockets_HasBothAsMembers()
    {
        var link = DesiredLink.From(Requests.Link("l", Requests.Device("v"), Requests.Sockets("a", "b")));

        Assert.Equal(
            [new("vhost_device", "v"), new("xsk_socket", "a"), new EndpointMember("xsk_socket", "b")], link.Members);
    }

    [Fact]
    public void From_SocketAndDeviceOfOneName_AreDifferent()
    {
        var link = DesiredLink.From(Requests.Link("l", Requests.Device("x"), Requests.Sockets("x")));

        Assert.Equal(2, link.Members.Count());
    }

    [Fact]
    public void From_SocketsBesideADevice_NamesBothFaults()
    {
        var both = new V1.Endpoint { VhostDevice = "V", XskSockets = { "a" } };

        var error = Assert.Throws<InvalidSpecException>(
            () => DesiredLink.From(Requests.Link("l", both, Requests.Sockets("b"))));

        Assert.Equal(["spec.a.vhost_device", "spec.a.xsk_sockets"], error.Faults.Select(fault => fault.Field));
    }
}
