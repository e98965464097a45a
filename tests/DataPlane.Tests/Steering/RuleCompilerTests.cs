using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Faults;
using Nf.DataPlane.Steering;
using Nf.V1;

namespace Nf.DataPlane.Tests.Steering;

/// <summary>Compiled rules and selections decide as their models in C# do.</summary>
public class RuleCompilerTests
{
    private static readonly string[] Filters =
        ["tcp", "udp portrange 1000-1063", "ip6", "vlan", "len > 90", "tcp[tcpflags] & tcp-syn != 0", "arp"];

    [Theory]
    [Trait("Tier", "kernel")]
    [InlineData(1, 1)]
    [InlineData(2, 5)]
    [InlineData(3, 16)]
    [InlineData(4, 64)]
    [InlineData(5, 256)]
    public void Rules_OfEveryKind_DecideAsTheModel(int seed, int count)
    {
        var maker = new PacketMaker(seed);
        var spec = new SteeringSpec { SteerManagement = seed % 2 == 0 };
        for (int i = 0; i < count; i++)
        {
            spec.Rules.Add(RandomRule(maker));
        }

        spec.ManagementFilters.Add("ether host 02:00:00:00:01:02 and tcp port 80");
        CompiledRules rules = new SteeringRules(new FakeCpumaps(), frags: false).Read(spec);
        using SteeringProgram compiled = SteeringProgram.Compile(rules);
        var seen = new HashSet<int>();
        for (int i = 0; i < 20_000; i++)
        {
            byte[] frame = maker.MakeSpoiled();
            (SteeringVerdictCode expected, SteeringVerdictCode told) = (Model(rules, frame), compiled.Explain(frame));
            Assert.True(expected == told, $"{Convert.ToHexString(frame)}: {told}, expected {expected}");
            seen.Add(told.Rule);
        }

        Assert.True(seen.Count > 1, "every frame went the same way");
    }

    [Theory]
    [Trait("Tier", "kernel")]
    [InlineData(1)]
    [InlineData(1000)]
    [InlineData(100_000)]
    public void SourcePrefixes_ManyOfThem_LongestWins(int count)
    {
        var maker = new PacketMaker(count);
        var selection = new CpuSelection { Kind = CpuSelectionKind.SourcePrefix };
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (selection.Prefixes.Count < count)
        {
            string prefix = RandomPrefix(maker, scattered: count > 1000);
            if (seen.Add(prefix))
            {
                selection.Prefixes.Add(new CpuPrefix { Prefix = prefix, Cpu = (uint)maker.Next(200) });
            }
        }

        var spec = new SteeringSpec { DefaultAction = ToCpumap("odd", selection) };
        CompiledRules rules = new SteeringRules(new FakeCpumaps(), frags: false).Read(spec);
        using SteeringProgram compiled = SteeringProgram.Compile(rules);
        (IpPrefix Prefix, uint Cpu)[] list = [.. selection.Prefixes.Select(p => (Parse(p.Prefix), p.Cpu))];
        for (int i = 0; i < 5000; i++)
        {
            byte[] frame = maker.Make();
            SteeringVerdictCode expected = Model(rules, frame);
            Assert.Equal(expected, compiled.Explain(frame));
            if (i < 100 && Longest(list, frame) is { } cpu && new FakeCpumaps().Find("odd")!.Cpus.Contains(cpu))
            {
                Assert.Equal(cpu, expected.Cpu);
            }
        }
    }

    // As JSON: the messages are internal types.
    public static TheoryData<string, string> BadMatches => new()
    {
        { "match.ethertype", """{"ethertype": 1535}""" },
        { "match.vlan", """{"vlan": 4096}""" },
        { "match.vlan", """{"vlan": 1, "tagged": false}""" },
        { "match.ip_protocol", """{"ipProtocol": 256}""" },
        { "match.source", """{"source": "10.0.0.1/8"}""" },
        { "match.source", """{"source": "10.1"}""" },
        { "match.source", """{"source": "10.0.0.0/33"}""" },
        { "match.source", """{"source": "fe80::1%eth0"}""" },
        { "match.destination", """{"source": "10.0.0.0/8", "destination": "2001:db8::/32"}""" },
        { "match.source_port", """{"sourcePort": {"first": 2, "last": 1}}""" },
        { "match.destination_port", """{"destinationPort": {"last": 65536}}""" },
        { "match.source_mac", """{"sourceMac": "02:00:00:00:00"}""" },
        { "match.destination_mac", """{"destinationMac": "02:00:00:00:00:0g"}""" },
        { "match.filter", """{"filter": "tcp and and"}""" },
    };

    [Theory]
    [MemberData(nameof(BadMatches))]
    public void Match_AgainstARule_IsRefusedWithItsField(string field, string match)
    {
        var spec = new SteeringSpec();
        spec.Rules.Add(new SteeringRule
        {
            Match = SteeringMatch.Parser.ParseJson(match),
            Action = new SteeringAction { Pass = new ToStack() },
        });
        spec.Rules.Add(new SteeringRule { Name = "UPPER", Action = new SteeringAction { Pass = new ToStack() } });

        CommandFaultException fault = Assert.Throws<CommandFaultException>(
            () => { new SteeringRules(new FakeCpumaps(), frags: false).Read(spec); });

        Assert.Equal("INVALID_SPEC", fault.Reason);
        Assert.Equal(
            new[] { $"spec.rules[0].{field}", "spec.rules[1].name" }, fault.Fields.Select(f => f.Field).ToArray());
    }

    private static SteeringVerdictCode Model(CompiledRules rules, byte[] frame)
    {
        FlowParser.Parse(frame, frame.Length, out Flow flow);
        int index = rules.IndexFor(flow, frame);
        CompiledAction action = index < rules.Rules.Count ? rules.Rules[index].Action
            : index == rules.DefaultIndex ? rules.Default
            : new CompiledAction(SteeringTarget.Pass);
        if (action.Target != SteeringTarget.Cpumap)
        {
            return new SteeringVerdictCode(action.Target, index, SteeringVerdictCode.NoCpu);
        }

        return action.Selector!.TryChoose(flow, 0, out uint cpu)
            ? new SteeringVerdictCode(SteeringTarget.Cpumap, index, cpu)
            : new SteeringVerdictCode(
                action.DropElse ? SteeringTarget.Drop : SteeringTarget.Pass, index, SteeringVerdictCode.NoCpu);
    }

    private static uint? Longest((IpPrefix Prefix, uint Cpu)[] prefixes, byte[] frame)
    {
        FlowParser.Parse(frame, frame.Length, out Flow flow);
        (int Length, uint Cpu)? best = null;
        foreach ((IpPrefix prefix, uint cpu) in prefixes)
        {
            IpWords words = prefix.Words;
            bool holds = prefix.Version == flow[FlowField.Version];
            for (int i = 0; i < 4; i++)
            {
                holds &= (flow[(int)FlowField.Source + i] & IpPrefix.Mask(prefix.Length, i)) == words[i];
            }

            if (holds && (best is null || prefix.Length > best.Value.Length))
            {
                best = (prefix.Length, cpu);
            }
        }

        return best?.Cpu;
    }

    private static IpPrefix Parse(string text)
    {
        Assert.True(IpPrefix.TryParse(text, out IpPrefix prefix, out string fault), fault);
        return prefix;
    }

    private static string RandomPrefix(PacketMaker maker, bool scattered)
    {
        int first = scattered ? maker.Next(200) + 1 : 10;
        return maker.Next(4) switch
        {
            0 => $"{first}.{maker.Next(scattered ? 256 : 3)}.0.0/16",
            1 => $"{first}.{maker.Next(scattered ? 256 : 3)}.{maker.Next(scattered ? 256 : 3)}.{maker.Next(256)}/32",
            2 => $"{first}.{maker.Next(scattered ? 256 : 3)}.{maker.Next(4) * 64}.0/20",
            _ => $"2001:db8:{maker.Next(3)}:{maker.Next(scattered ? 65536 : 3):x}::/{maker.Pick(64, 65, 127)}",
        };
    }

    private static SteeringRule RandomRule(PacketMaker maker)
    {
        var match = new SteeringMatch();
        for (int parts = maker.Next(4); parts > 0; parts--)
        {
            AddPart(match, maker);
        }

        var rule = new SteeringRule { Match = match };
        rule.Action = maker.Next(4) switch
        {
            0 => new SteeringAction { Xsk = new ToXsk(), Fallback = SteeringFallback.Drop },
            1 => new SteeringAction { Drop = new ToNowhere() },
            2 => new SteeringAction { Pass = new ToStack() },
            _ => ToCpumap(
                maker.Pick("run", "odd", "one", "empty"),
                new CpuSelection
                {
                    Kind = maker.Pick(
                        CpuSelectionKind.FlowHash, CpuSelectionKind.RoundRobin, CpuSelectionKind.L4Port,
                        CpuSelectionKind.Unspecified),
                }),
        };
        return rule;
    }

    private static void AddPart(SteeringMatch match, PacketMaker maker)
    {
        switch (maker.Next(11))
        {
            case 0:
                match.Ethertype = maker.Pick(0x800u, 0x86ddu, 0x806u);
                break;
            case 1:
                match.Vlan = (uint)maker.Next(3) + 99;
                match.ClearTagged();
                break;
            case 2 when !match.HasVlan:
                match.Tagged = maker.Next(2) == 0;
                break;
            case 3:
                match.IpProtocol = maker.Pick(6u, 17u, 132u, 58u);
                break;
            case 4:
                match.Source = maker.Pick("10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "0.0.0.0/0", "10.1.2.128/25");
                match.Destination = "";
                break;
            case 5:
                match.Destination = maker.Pick("2001:db8::/32", "2001:db8:1::/48", "2001:db8:0:2::/64", "::/0");
                match.Source = "";
                break;
            case 6:
                uint port = maker.Pick(53u, 80u, 1000u, 1001u);
                match.DestinationPort = new PortRange { First = port, Last = port };
                break;
            case 7:
                match.SourcePort = new PortRange
                {
                    First = (uint)maker.Next(1000),
                    Last = 1000 + (uint)maker.Next(9000),
                };
                break;
            case 8:
                match.SourceMac = $"02:00:00:00:00:0{maker.Next(3)}";
                break;
            case 9:
                match.DestinationMac = $"02:00:00:00:01:0{maker.Next(3)}";
                break;
            default:
                match.Filter = maker.Pick<string>(Filters);
                break;
        }
    }

    private static SteeringAction ToCpumap(string cpumap, CpuSelection selection) => new()
    {
        Cpumap = new ToCpumap { Cpumap = cpumap, Selection = selection },
    };

    /// <summary>Cpumaps of some shapes; the explaining flavour needs no map.</summary>
    private sealed class FakeCpumaps : IKernelCpumaps
    {
        public event Action<string>? CpusChanged
        {
            add { }
            remove { }
        }

        public KernelCpumapTarget? Find(string name) => name switch
        {
            "run" => new KernelCpumapTarget(name, null!, false, [2, 3, 4, 5]),
            "odd" => new KernelCpumapTarget(name, null!, false, [1, 3, 7, 100, 200]),
            "one" => new KernelCpumapTarget(name, null!, false, [9]),
            "empty" => new KernelCpumapTarget(name, null!, false, []),
            _ => null,
        };

        public bool RedirectsTo(string name, Linux.NetworkNamespace network, int ifindex) => false;
    }
}
