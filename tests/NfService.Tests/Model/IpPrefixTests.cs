namespace Nf.Service.Tests;

public sealed class IpPrefixTests
{
    [Theory]
    [InlineData("0.0.0.0/0", false, "0", 0)]
    [InlineData("192.0.2.0/24", false, "C0000200", 24)]
    [InlineData("10.1.2.3/32", false, "0A010203", 32)]
    [InlineData("::/0", true, "0", 0)]
    [InlineData("2001:db8::/32", true, "20010DB8000000000000000000000000", 32)]
    [InlineData("2001:DB8::1/128", true, "20010DB8000000000000000000000001", 128)]
    [InlineData("::ffff:1.2.3.4/128", true, "FFFF01020304", 128)]
    public void TryParse_APrefix_HasItsBits(string text, bool isIpv6, string bits, int length)
    {
        IpPrefix? prefix = IpPrefix.TryParse(text, out string fault);

        Assert.Equal("", fault);
        Assert.Equal(
            new IpPrefix(isIpv6, UInt128.Parse(bits, System.Globalization.NumberStyles.HexNumber), length), prefix);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("192.0.2.0")]
    [InlineData("192.0.2/24")]
    [InlineData("192.0.2.0/")]
    [InlineData("192.0.2.0/33")]
    [InlineData("192.0.2.0/+4")]
    [InlineData("192.0.2.0/24/24")]
    [InlineData("192.0.2.1/24")]
    [InlineData("192.0.02.0/24")]
    [InlineData("0xc0.0.2.0/24")]
    [InlineData("192.0.2.256/32")]
    [InlineData("a.b.c.d/8")]
    [InlineData("2001:db8::/129")]
    [InlineData("2001:db8::1/64")]
    [InlineData("fe80::1%2/128")]
    [InlineData("[::]/0")]
    [InlineData(":::/0")]
    [InlineData("1.2.3.4:80/32")]
    public void TryParse_SomethingElse_SaysWhatIsWrong(string text)
    {
        Assert.Null(IpPrefix.TryParse(text, out string fault));
        Assert.NotEqual("", fault);
    }
}
