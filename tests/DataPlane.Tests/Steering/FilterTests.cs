using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Steering;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Steering;

/// <summary>Filters compiled to BPF decide as libpcap's interpreter does.</summary>
public class FilterTests
{
    public static TheoryData<string> Expressions =>
    [
        "", "ip", "ip6", "arp", "tcp", "udp port 53", "tcp port 80 or 443", "tcp[tcpflags] & tcp-syn != 0",
        "ip[6:2] & 0x1fff != 0", "vlan 100", "vlan and tcp", "vlan and vlan and ip", "len > 80", "less 60",
        "ether[0] & 1 = 1", "net 10.1.0.0/16", "src net 10.0.0.0/8 and dst portrange 1000-1063", "icmp6",
        "ip6 proto 17", "ip proto 132", "ether host 02:00:00:00:01:02", "tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420",
        "ip[0] & 0xf != 5", "ether[12:2] * 2 > 0x1000", "ip[2:2] % 7 = 3", "udp[8 + (udp[4] & 3)] > 128",
        "not (tcp or udp)", "src host 2001:db8::1 or src net 2001:db8:1::/48", "ip[1] / (ip[8] & 1) = 0",
        "ether[14] << (ether[15] & 63) > 1000", "ether[14] >> (ether[15] & 63) = 0", "- ether[14] < 0",
        "sctp port 1000", "port 8080 and not host 10.0.0.1", "ether multicast", "ether proto 0x88cc", "ip[ip[0]:4] = 0",
        "ether[60000] = 0", "ether[0xfff0:4] = 0", "ip6[6] = 44", "ip multicast or ip6 multicast",
    ];

    [Theory]
    [Trait("Tier", "kernel")]
    [MemberData(nameof(Expressions))]
    public void Filter_OnAllKindsOfFrames_DecidesAsLibpcap(string expression)
    {
        PcapFilter filter = PcapFilter.Compile(expression);
        using BpfProgram program = Load(filter);
        var maker = new PacketMaker(3);
        for (int i = 0; i < 4000; i++)
        {
            byte[] frame = maker.MakeSpoiled();
            bool matches = BpfProgRun.Verdict(program, frame) == 1;

            Assert.True(
                filter.Matches(frame) == matches,
                $"\"{expression}\" on {Convert.ToHexString(frame)}: {matches}, libpcap says {!matches}");
        }
    }

    private static BpfProgram Load(PcapFilter filter)
    {
        var code = new BpfAssembler();
        BpfLabel rules = code.NewLabel();
        BpfLabel match = code.NewLabel();
        BpfLabel otherwise = code.NewLabel();
        ParserCode.Emit(code, frags: false, rules);
        code.Place(rules);
        code.Alu(BpfAlu.Move, BpfRegister.R6, BpfRegister.R1);
        code.Load(BpfSize.Word, BpfRegister.R7, BpfRegister.R2, 0);
        code.Load(BpfSize.Word, BpfRegister.R8, BpfRegister.R2, 4);
        new FilterTranslator(code, BpfRegister.R6, (int)FlowField.Length * sizeof(uint))
            .Translate(filter, match, otherwise);
        code.Place(match);
        code.Alu32(BpfAlu.Move, BpfRegister.R0, 1);
        code.Exit();
        code.Place(otherwise);
        code.Alu32(BpfAlu.Move, BpfRegister.R0, 0u);
        code.Exit();
        return BpfProgram.LoadXdp(code, "nf_test_filter", frags: false);
    }
}
