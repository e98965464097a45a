using Nf.V1;

namespace Nf.Service.Tests;

public sealed class SteeringValidationTests
{
    public static TheoryData<string, Action<SteeringMatch>, string> WrongMatches { get; } = new()
    {
        { "length for a type", m => m.Ethertype = 0x5ff, "ethertype" },
        { "17 bits", m => m.Ethertype = 0x10000, "ethertype" },
        { "a tag", m => m.Ethertype = 0x8100, "ethertype" },
        { "vlan", m => m.Vlan = 4096, "vlan" },
        { "vlan without a tag", m => (m.Vlan, m.Tagged) = (1, false), "tagged" },
        { "protocol", m => m.IpProtocol = 256, "ip_protocol" },
        { "protocol of ARP", m => (m.IpProtocol, m.Ethertype) = (6, 0x0806), "ip_protocol" },
        { "source", m => m.Source = "10.0.0.1/8", "source" },
        { "destination", m => m.Destination = "x", "destination" },
        { "both families", m => (m.Source, m.Destination) = ("10.0.0.0/8", "::/0"), "destination" },
        { "family of another type", m => (m.Source, m.Ethertype) = ("10.0.0.0/8", 0x86dd), "source" },
        { "port", m => m.SourcePort = new() { First = 1, Last = 65_536 }, "source_port.last" },
        { "ports upside down", m => m.DestinationPort = new() { First = 2, Last = 1 }, "destination_port.last" },
        {
            "ports of ICMP", m => (m.IpProtocol, m.DestinationPort) = (1, new() { First = 1, Last = 2 }),
            "destination_port"
        },
        { "MAC", m => m.SourceMac = "02:00:00:00:00", "source_mac" },
        { "long MAC", m => m.DestinationMac = new string('f', 1000), "destination_mac" },
        { "filter", m => m.Filter = new string('x', 4097), "filter" },
    };

    public static TheoryData<string, SteeringAction?, string> WrongActions { get; } = new()
    {
        { "none", null, "" },
        { "empty", new SteeringAction(), "" },
        { "fallback of drop", new() { Drop = new(), Fallback = SteeringFallback.Pass }, ".fallback" },
        { "fallback unknown", new() { Xsk = new(), Fallback = (SteeringFallback)9 }, ".fallback" },
        { "no cpumap", Requests.ToCpumap("").Action, ".cpumap.cpumap" },
        { "selection", To(s => s.Kind = (CpuSelectionKind)9), ".cpumap.selection.kind" },
        { "cpu of a hash", To(s => s.Cpu = 1), ".cpumap.selection.cpu" },
        { "cpu", To(s => (s.Kind, s.Cpu) = (CpuSelectionKind.Fixed, 8192)), ".cpumap.selection.cpu" },
        { "no prefixes", To(s => s.Kind = CpuSelectionKind.SourcePrefix), ".cpumap.selection.prefixes" },
        {
            "prefixes of a hash", To(s => s.Prefixes.Add(Requests.Prefixes(1).Prefixes)), ".cpumap.selection.prefixes"
        },
        { "prefix twice", Prefixes("10.0.0.0/8", "11.0.0.0/8", "10.0.0.0/8"), ".cpumap.selection.prefixes[2].prefix" },
        {
            "IPv6 prefix twice, written otherwise", Prefixes("2001:db8::/32", "2001:DB8:0::/32"),
            ".cpumap.selection.prefixes[1].prefix"
        },
        { "bits beyond", Prefixes("10.0.0.1/8"), ".cpumap.selection.prefixes[0].prefix" },
    };

    public static TheoryData<string, Action<SetSteeringRequest>, string> WrongSpecs { get; } = new()
    {
        { "name", r => r.Name = "S", "name" },
        { "no device", r => r.Spec.ClearDevice(), "spec.device" },
        { "interface", r => r.Spec.Interface = "a b", "spec.interface" },
        { "index", r => r.Spec.Ifindex = 0, "spec.ifindex" },
        { "namespace", r => r.Spec.NetworkNamespace = new(), "spec.network_namespace" },
        { "XDP mode", r => r.Spec.XdpMode = (XdpMode)9, "spec.xdp_mode" },
        { "257 rules", r => r.Spec.Rules.Add(Enumerable.Repeat(Pass(""), 257)), "spec.rules" },
        { "rule name", r => r.Spec.Rules.Add(Pass("-")), "spec.rules[0].name" },
        { "name twice", r => r.Spec.Rules.Add([Pass("a"), Pass("a")]), "spec.rules[1].name" },
        { "name of a nameless rule", r => r.Spec.Rules.Add([Pass("rule-2"), Pass("")]), "spec.rules[1].name" },
        { "default as a name", r => r.Spec.Rules.Add(Pass("default")), "spec.rules[0].name" },
        { "management as a name", r => r.Spec.Rules.Add(Pass("management")), "spec.rules[0].name" },
        { "default action", r => r.Spec.DefaultAction = new(), "spec.default_action" },
        {
            "17 filters", r => r.Spec.ManagementFilters.Add(Enumerable.Repeat("arp", 17)), "spec.management_filters"
        },
        { "empty filter", r => r.Spec.ManagementFilters.Add(""), "spec.management_filters[0]" },
        { "label", r => r.Labels["1"] = "x", "labels[1]" },
    };

    [Theory]
    [MemberData(nameof(WrongMatches))]
    public void From_WrongMatch_NamesThatFieldOnly(string why, Action<SteeringMatch> change, string field)
    {
        SteeringRule rule = Pass("r");
        change(rule.Match);
        AssertField(why, $"spec.rules[0].match.{field}", Requests.Steering("s", rule));
    }

    [Theory]
    [MemberData(nameof(WrongActions))]
    public void From_WrongAction_NamesThatFieldOnly(string why, SteeringAction? action, string field)
    {
        AssertField(
            why, $"spec.rules[0].action{field}", Requests.Steering("s", new SteeringRule { Action = action?.Clone() }));
        SetSteeringRequest request = Requests.Steering("s");
        request.Spec.DefaultAction = action?.Clone();
        if (action is not null)
        {
            AssertField(why, $"spec.default_action{field}", request);
        }
    }

    [Theory]
    [MemberData(nameof(WrongSpecs))]
    public void From_WrongSpec_NamesThatFieldOnly(string why, Action<SetSteeringRequest> change, string field)
    {
        SetSteeringRequest request = Requests.Steering("s");
        change(request);
        AssertField(why, field, request);
    }

    [Fact]
    public void From_ManyFaults_NamesThemAll()
    {
        SetSteeringRequest request = Requests.Steering(
            "S",
            new SteeringRule { Name = "a", Match = new() { Vlan = 5000, Source = "x", SourceMac = "y" } },
            Requests.ToCpumap("M"));
        request.Spec.Interface = "";

        var error = Assert.Throws<InvalidSpecException>(() => DesiredSteering.From(request));

        Assert.Equal(
            [
                "name", "spec.interface", "spec.rules[0].match.vlan", "spec.rules[0].match.source",
                "spec.rules[0].match.source_mac", "spec.rules[0].action", "spec.rules[1].action.cpumap.cpumap",
            ],
            error.Faults.Select(fault => fault.Field));
    }

    [Fact]
    public void From_ATableOfFaults_NamesTheFirstAndCountsTheRest()
    {
        CpuSelection selection = Requests.Prefixes(1000);
        foreach (CpuPrefix prefix in selection.Prefixes)
        {
            prefix.Prefix = "x";
        }

        var error = Assert.Throws<InvalidSpecException>(
            () => DesiredSteering.From(Requests.Steering("s", Requests.ToCpumap("m", selection))));

        Assert.Equal(21, error.Faults.Count);
        Assert.StartsWith("980 more", error.Faults[^1].Description, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(CpuSelectionRules.PrefixCountMax, true)]
    [InlineData(CpuSelectionRules.PrefixCountMax + 1, false)]
    public void From_TheLargestTable_IsTheLast(int count, bool isValid)
    {
        SetSteeringRequest request = Requests.Steering("s", Requests.ToCpumap("m", Requests.Prefixes(count)));

        Assert.Equal(isValid, Record.Exception(() => DesiredSteering.From(request)) is null);
        Assert.True(request.CalculateSize() < 16 << 20, $"{request.CalculateSize()} bytes do not fit a request");
    }

    [Fact]
    public void From_Defaults_AreFilledIn()
    {
        SteeringSpec spec = DesiredSteering.From(Requests.Steering(
            "s", new SteeringRule { Action = new() { Drop = new() } }, Requests.ToCpumap("m"))).ToProto().Spec;

        Assert.Equal(["rule-1", "rule-2"], spec.Rules.Select(rule => rule.Name));
        Assert.NotNull(spec.Rules[0].Match);
        Assert.Equal(SteeringFallback.Unspecified, spec.Rules[0].Action.Fallback);
        Assert.Equal(
            (SteeringFallback.Pass, CpuSelectionKind.FlowHash),
            (spec.Rules[1].Action.Fallback, spec.Rules[1].Action.Cpumap.Selection.Kind));
        Assert.Equal(
            (SteeringAction.ToOneofCase.Xsk, SteeringFallback.Pass),
            (spec.DefaultAction.ToCase, spec.DefaultAction.Fallback));
        Assert.Equal(XdpMode.Auto, spec.XdpMode);
    }

    [Fact]
    public void ToBrief_OfATable_LeavesOutThePrefixesOnly()
    {
        var steering = DesiredSteering.From(
            Requests.Steering("s", Pass("a"), Requests.ToCpumap("m", Requests.Prefixes(1000))));
        Steering whole = steering.ToProto();

        Steering brief = steering.ToBrief();

        Assert.True(brief.CalculateSize() < 300, $"{brief.CalculateSize()} bytes are not brief");
        whole.Spec.Rules[1].Action.Cpumap.Selection.Prefixes.Clear();
        Assert.Equal(whole, brief);
        Assert.Equal(1000, steering.ToProto().Spec.Rules[1].Action.Cpumap.Selection.Prefixes.Count);
    }

    [Fact]
    public void DifferenceFrom_LargeTables_IsShort()
    {
        DesiredSteering Make(int count) => DesiredSteering.From(
            Requests.Steering("s", Requests.ToCpumap("m", Requests.Prefixes(count))));

        Assert.Null(Make(1000).DifferenceFrom(Make(1000)));
        Assert.InRange(Make(1000).DifferenceFrom(Make(1001))!.Length, 1, 1000);
    }

    private static SteeringRule Pass(string name) =>
        new() { Name = name, Match = new(), Action = new SteeringAction { Pass = new ToStack() } };

    private static SteeringAction To(Action<CpuSelection> change)
    {
        var selection = new CpuSelection();
        change(selection);
        return Requests.ToCpumap("m", selection).Action;
    }

    private static SteeringAction Prefixes(params string[] prefixes) => To(selection =>
    {
        selection.Kind = CpuSelectionKind.SourcePrefix;
        selection.Prefixes.Add(prefixes.Select(prefix => new CpuPrefix { Prefix = prefix }));
    });

    private static void AssertField(string why, string field, SetSteeringRequest request)
    {
        var error = Assert.Throws<InvalidSpecException>(() => DesiredSteering.From(request));
        Assert.True(error.Faults.All(fault => fault.Field == field), $"{why}: {error.Message}");
    }
}
