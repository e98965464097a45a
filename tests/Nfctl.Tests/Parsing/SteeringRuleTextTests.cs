using Nf.Ctl.Parsing;
using Nf.V1;

namespace Nf.Ctl.Tests.Parsing;

public class SteeringRuleTextTests
{
    // As typed, and as it is shown; nothing where that is the same.
    [Theory]
    [InlineData("any -> drop", "")]
    [InlineData("-> drop", "any -> drop")]
    [InlineData("tcp dport 443 -> cpumap fan hash", "")]
    [InlineData("tcp dport 443 -> cpumap fan", "tcp dport 443 -> cpumap fan hash")]
    [InlineData("ipv4 tagged vlan 7 udp src 10.0.0.0/8 dst 192.0.2.1/32 sport 1-5 dport 53 -> xsk or drop", "")]
    [InlineData("dport 53 dst 192.0.2.1 udp -> xsk or pass", "udp dst 192.0.2.1/32 dport 53 -> xsk")]
    [InlineData("src 2001:db8::1 -> pass", "src 2001:db8::1/128 -> pass")]
    [InlineData("ethertype 0x88f7 untagged -> pass", "")]
    [InlineData("ethertype 2048 -> pass", "ipv4 -> pass")]
    [InlineData("proto 47 -> cpumap fan cpu=3 or drop", "")]
    [InlineData("proto 0x2f -> cpumap fan l4-port", "proto 47 -> cpumap fan l4-port")]
    [InlineData("smac 02:00:00:00:00:01 dmac 02:00:00:00:00:02 -> cpumap fan source-prefix", "")]
    [InlineData("filter tcp[tcpflags]  & tcp-syn != 0 -> cpumap fan round-robin", "")]
    [InlineData("tcp filter ip[8] -> 5 -> drop", "")]
    public void Parse_ARule_IsShownAsItIsWritten(string typed, string shown) =>
        Assert.Equal(shown.Length == 0 ? typed : shown, SteeringRuleText.Format(SteeringRuleText.Parse(typed)));

    [Theory]
    [InlineData("web: tcp -> drop", "web", "tcp")]
    [InlineData("web: -> drop", "web", "any")]
    [InlineData("web:-> drop", "web", "any")]
    [InlineData("dmac 02:00:00:00:00:01 -> drop", "", "dmac 02:00:00:00:00:01")]
    [InlineData("src ::1 -> drop", "", "src ::1/128")]
    public void Parse_AName_IsTakenBeforeAColonOnly(string typed, string name, string match)
    {
        SteeringRule rule = SteeringRuleText.Parse(typed);

        Assert.Equal((name, match), (rule.Name, SteeringMatchText.Format(rule.Match)));
    }
}
