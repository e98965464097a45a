using Nf.Ctl.Parsing;

namespace Nf.Ctl.Tests.Parsing;

public class DurationsTests
{
    [Theory]
    [InlineData("10s", 10_000)]
    [InlineData("10", 10_000)]
    [InlineData("250ms", 250)]
    [InlineData("1.5m", 90_000)]
    [InlineData("1h", 3_600_000)]
    [InlineData("24h", 86_400_000)]
    [InlineData("5000us", 5)]
    public void Parse_Duration_GivesTime(string text, int milliseconds)
    {
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), Durations.Parse(text));
    }

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("-1s")]
    [InlineData("1d")]
    [InlineData("1 s")]
    [InlineData("0s")]
    [InlineData("0.00000000001s")]
    [InlineData("25h")]
    [InlineData("99999999999999999999999999999s")]
    [InlineData("999999999999999999999999999999999s")]
    public void Parse_NoUsableDuration_Throws(string text)
    {
        Assert.Throws<FormatException>(() => Durations.Parse(text));
    }
}
