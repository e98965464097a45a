using Nf.V1;

namespace Nf.Service.Tests;

/// <summary>Endpoints of links and bridges whose frames are spread over CPUs.</summary>
public sealed class EndpointCpumapTests
{
    public static TheoryData<string, EndpointCpumap, string> Wrong { get; } = new()
    {
        { "no name", new EndpointCpumap(), "cpumap" },
        { "name", new EndpointCpumap { Cpumap = "M" }, "cpumap" },
        { "kind", Of(s => s.Kind = (CpuSelectionKind)9), "selection.kind" },
        { "cpu of a hash", Of(s => s.Cpu = 1), "selection.cpu" },
        { "no prefixes", Of(s => s.Kind = CpuSelectionKind.SourcePrefix), "selection.prefixes" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void From_WrongCpumap_IsNamedAtEachEndOfALinkAndABridge(string why, EndpointCpumap cpumap, string field)
    {
        V1.Endpoint spread = Spread("v", cpumap);
        var link = Assert.Throws<InvalidSpecException>(
            () => DesiredLink.From(Requests.Link("l", Requests.Device("w"), spread)));
        var bridge = Assert.Throws<InvalidSpecException>(
            () => DesiredBridge.From(Requests.Bridge("b", [Requests.Device("w"), spread])));

        Assert.True(link.Faults.Single().Field == $"spec.b.cpumap.{field}", $"{why}: {link.Message}");
        Assert.True(bridge.Faults.Single().Field == $"spec.endpoints[1].cpumap.{field}", $"{why}: {bridge.Message}");
    }

    [Fact]
    public void From_NoSelection_GoesByFlowHashAndIsEqualToIt()
    {
        DesiredLink Make(CpuSelection? selection) => DesiredLink.From(Requests.Link(
            "l", Spread("v", new EndpointCpumap { Cpumap = "m", Selection = selection }), Requests.Device("w")));

        Assert.Equal(CpuSelectionKind.FlowHash, Make(null).ToProto().Spec.A.Cpumap.Selection.Kind);
        Assert.Null(Make(null).DifferenceFrom(Make(new CpuSelection { Kind = CpuSelectionKind.FlowHash })));
        Assert.NotNull(Make(null).DifferenceFrom(Make(new CpuSelection { Kind = CpuSelectionKind.RoundRobin })));
    }

    private static V1.Endpoint Spread(string device, EndpointCpumap cpumap)
    {
        V1.Endpoint endpoint = Requests.Device(device);
        endpoint.Cpumap = cpumap;
        return endpoint;
    }

    private static EndpointCpumap Of(Action<CpuSelection> change)
    {
        var selection = new CpuSelection();
        change(selection);
        return new EndpointCpumap { Cpumap = "m", Selection = selection };
    }
}
