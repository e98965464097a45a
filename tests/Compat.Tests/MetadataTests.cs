using Grpc.Core;

namespace Nf.Compat.Tests;

public sealed class MetadataTests
{
    [Fact]
    public void Metadata_KeyTwice_LastOneWinsAndAllAreKept()
    {
        var metadata = new Metadata { { "Key", "first" }, { "key", "last" } };

        Assert.Equal("last", metadata.GetValue("KEY"));
        Assert.Equal(["first", "last"], metadata.GetAll("key").Select(entry => entry.Value));
        Assert.Null(metadata.Get("other"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("with space")]
    [InlineData("colon:")]
    [InlineData("ümlaut")]
    [InlineData("text-bin")]
    public void TextEntry_BadKey_Throws(string key) =>
        Assert.Throws<ArgumentException>(() => new Metadata.Entry(key, "v"));

    [Theory]
    [InlineData("")]
    [InlineData("bytes")]
    [InlineData("by tes-bin")]
    public void BinaryEntry_BadKey_Throws(string key) =>
        Assert.Throws<ArgumentException>(() => new Metadata.Entry(key, [1]));

    [Fact]
    public void BinaryEntry_BytesChangedAfterwards_KeepsItsOwn()
    {
        byte[] bytes = [1, 2];
        var entry = new Metadata.Entry("x-bin", bytes);

        bytes[0] = 9;
        entry.ValueBytes[1] = 9;

        Assert.Equal([1, 2], entry.ValueBytes);
        Assert.Throws<InvalidOperationException>(() => entry.Value);
    }

    [Fact]
    public void EmptyMetadata_Changed_Throws() =>
        Assert.Throws<InvalidOperationException>(() => Metadata.Empty.Add("key", "value"));
}
