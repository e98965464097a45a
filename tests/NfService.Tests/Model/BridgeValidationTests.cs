using Nf.V1;

namespace Nf.Service.Tests;

public sealed class BridgeValidationTests
{
    private static readonly V1.Endpoint[] Two = [Requests.Device("v"), Requests.Sockets("a", "b")];

    public static TheoryData<string, V1.Endpoint[], string> WrongEndpoints { get; } = new()
    {
        { "none", [], "spec.endpoints" },
        { "one", [Requests.Device("v")], "spec.endpoints" },
        { "33", [.. Enumerable.Range(0, 33).Select(i => Requests.Device($"v{i}"))], "spec.endpoints" },
        { "empty", [Requests.Device("v"), new V1.Endpoint()], "spec.endpoints[1].xsk_sockets" },
        {
            "device twice",
            [Requests.Device("v"), Requests.Device("w"), Requests.Device("v")],
            "spec.endpoints[2].vhost_device"
        },
        {
            "socket in two endpoints",
            [Requests.Sockets("a", "b"), Requests.Sockets("b", "c")],
            "spec.endpoints[1].xsk_sockets"
        },
        { "bad name", [Requests.Device("v"), Requests.Device("W")], "spec.endpoints[1].vhost_device" },
        {
            "both kinds",
            [Requests.Device("v"), new V1.Endpoint { VhostDevice = "w", XskSockets = { "a" } }],
            "spec.endpoints[1].xsk_sockets"
        },
    };

    public static TheoryData<string, Action<BridgeSpec>, string> WrongFields { get; } = new()
    {
        { "age", s => s.AgeSeconds = 86_401, "spec.age_seconds" },
        { "few entries", s => s.EntriesMax = 15, "spec.entries_max" },
        { "many entries", s => s.EntriesMax = 65_537, "spec.entries_max" },
        { "share above all", s => (s.EntriesMax, s.EndpointEntriesMax) = (64, 65), "spec.endpoint_entries_max" },
        { "share above the default", s => s.EndpointEntriesMax = 4097, "spec.endpoint_entries_max" },
    };

    [Theory]
    [MemberData(nameof(WrongEndpoints))]
    public void From_WrongEndpoints_NamesThem(string why, V1.Endpoint[] endpoints, string field)
    {
        var error = Assert.Throws<InvalidSpecException>(
            () => DesiredBridge.From(Requests.Bridge("b", endpoints)));

        Assert.True(error.Faults.All(fault => fault.Field == field), $"{why}: {error.Message}");
    }

    [Theory]
    [MemberData(nameof(WrongFields))]
    public void From_WrongField_NamesThatFieldOnly(string why, Action<BridgeSpec> change, string field)
    {
        var error = Assert.Throws<InvalidSpecException>(
            () => DesiredBridge.From(Requests.Bridge("b", Two, change)));

        Assert.True(error.Faults.All(fault => fault.Field == field), $"{why}: {error.Message}");
    }

    [Fact]
    public void From_Defaults_AreFilledIn()
    {
        BridgeSpec spec = DesiredBridge.From(Requests.Bridge("b", Two)).ToProto().Spec;

        Assert.Equal((300u, 4096u, 4096u), (spec.AgeSeconds, spec.EntriesMax, spec.EndpointEntriesMax));
    }

    [Fact]
    public void From_SmallTable_ItsShareFollows() => Assert.Equal(
        16u,
        DesiredBridge.From(Requests.Bridge("b", Two, s => s.EntriesMax = 16)).ToProto().Spec.EndpointEntriesMax);

    [Fact]
    public void Members_OfMixedEndpoints_AreEachOnce() => Assert.Equal(
        ["vhost_device:v", "xsk_socket:a", "xsk_socket:b"],
        DesiredBridge.From(Requests.Bridge("b", Two)).Members.Select(m => $"{m.Type}:{m.Name}"));
}
