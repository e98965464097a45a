using Nf.Ctl.Parsing;

namespace Nf.Ctl.Tests.Parsing;

public class ByteSizeTests
{
    [Theory]
    [InlineData("0", 0UL)]
    [InlineData("2048", 2048UL)]
    [InlineData("2048b", 2048UL)]
    [InlineData("4k", 4096UL)]
    [InlineData("4K", 4096UL)]
    [InlineData("4Ki", 4096UL)]
    [InlineData("4KiB", 4096UL)]
    [InlineData("4kB", 4000UL)]
    [InlineData("64MiB", 64UL << 20)]
    [InlineData("64 MiB", 64UL << 20)]
    [InlineData("1.5GiB", 3UL << 29)]
    [InlineData("1g", 1UL << 30)]
    [InlineData("2TB", 2_000_000_000_000UL)]
    [InlineData("18446744073709551615", ulong.MaxValue)]
    public void Parse_Size_GivesBytes(string text, ulong bytes)
    {
        Assert.Equal(bytes, ByteSize.Parse(text));
    }

    [Theory]
    [InlineData("", "is not a size")]
    [InlineData("MiB", "is not a size")]
    [InlineData("-1", "is not a size")]
    [InlineData("1e3", "is not a size")]
    [InlineData("64MiBs", "is not a size")]
    [InlineData("6 4", "is not a size")]
    [InlineData("1.2.3k", "is not a size")]
    [InlineData("0.3k", "is not a whole number of bytes")]
    [InlineData("18446744073709551616", "more than 64 bits")]
    [InlineData("99999999999999T", "more than 64 bits")]
    public void Parse_NoSize_SaysWhy(string text, string fault)
    {
        FormatException error = Assert.Throws<FormatException>(() => ByteSize.Parse(text));

        Assert.Contains(fault, error.Message, StringComparison.Ordinal);
        Assert.Contains($"'{text}'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse32_BeyondItsField_Throws()
    {
        Assert.Equal(uint.MaxValue, ByteSize.Parse32("4294967295"));
        Assert.Throws<FormatException>(() => ByteSize.Parse32("4GiB"));
    }

    [Theory]
    [InlineData(0UL, "0 B")]
    [InlineData(1023UL, "1023 B")]
    [InlineData(2048UL, "2 KiB")]
    [InlineData(2500UL, "2.44 KiB")]
    [InlineData(64UL << 20, "64 MiB")]
    [InlineData(3UL << 29, "1.5 GiB")]
    public void Format_Bytes_ReadsWell(ulong bytes, string text)
    {
        Assert.Equal(text, ByteSize.Format(bytes));
    }
}
