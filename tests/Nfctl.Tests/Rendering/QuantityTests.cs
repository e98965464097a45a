using Nf.Ctl.Rendering;

namespace Nf.Ctl.Tests.Rendering;

public class QuantityTests
{
    [Theory]
    [InlineData(null, "-")]
    [InlineData(0d, "0")]
    [InlineData(0.4, "<1")]
    [InlineData(987.4, "987")]
    [InlineData(999.6, "1.00 k")]
    [InlineData(12_345d, "12.3 k")]
    [InlineData(999_400d, "999 k")]
    [InlineData(999_600d, "1.00 M")]
    [InlineData(1_234_567d, "1.23 M")]
    [InlineData(14_880_000d, "14.9 M")]
    [InlineData(2.5e9, "2.50 G")]
    public void Rate_Number_HasThreeDigits(double? rate, string text)
    {
        Assert.Equal(text, Quantity.Rate(rate));
    }

    [Theory]
    [InlineData(-5, "0s")]
    [InlineData(250, "250ms")]
    [InlineData(12_000, "12s")]
    [InlineData(185_000, "3m5s")]
    [InlineData(7_380_000, "2h3m")]
    public void Age_Time_IsCoarse(int milliseconds, string text)
    {
        Assert.Equal(text, Quantity.Age(TimeSpan.FromMilliseconds(milliseconds)));
    }
}
