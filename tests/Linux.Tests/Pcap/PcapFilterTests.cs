namespace Nf.Linux.Tests.Pcap;

public class PcapFilterTests
{
    private static readonly byte[] Arp = [.. Convert.FromHexString("ffffffffffff0200000000010806"), .. new byte[46]];

    [Theory]
    [InlineData("arp", true)]
    [InlineData("", true)]
    [InlineData("ether broadcast and len = 60", true)]
    [InlineData("ip or ip6", false)]
    [InlineData("ether[59] = 0", true)]
    [InlineData("ether[60] = 0", false)]
    public void Matches_OfAnArpFrame_IsWhatTcpdumpWouldSay(string expression, bool expected) =>
        Assert.Equal(expected, PcapFilter.Compile(expression).Matches(Arp));

    [Theory]
    [InlineData("tcp and and", "syntax error")]
    [InlineData("port 70000", "70000")]
    [InlineData("tcp\0", "none of them zero")]
    public void Compile_NoExpression_SaysWhatIsWrong(string expression, string words)
    {
        FormatException refusal = Assert.Throws<FormatException>(() => PcapFilter.Compile(expression));

        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Compile_TooLong_IsRefusedBeforeLibpcapSeesIt() =>
        Assert.Throws<FormatException>(() => PcapFilter.Compile(new string(' ', PcapFilter.ExpressionCharsMax + 1)));
}
