using System.Text;
using Nf.V1;

namespace Nf.Service.Tests;

public sealed class PagingTests
{
    private static readonly string[] Names = ["d", "b", "a", "c", "e"];

    [Fact]
    public void Cut_PageByPage_GivesEachNameOnceInOrder()
    {
        var seen = new List<string>();
        string token = "";
        do
        {
            PageOf<string> page = Paging.Cut(Names, name => name, new Page { Size = 2, Token = token });
            seen.AddRange(page.Items);
            token = page.NextToken;
        }
        while (token.Length > 0);

        Assert.Equal(["a", "b", "c", "d", "e"], seen);
    }

    [Fact]
    public void Cut_EntriesGoneBetweenPages_SkipsNothingElse()
    {
        PageOf<string> first = Paging.Cut(Names, name => name, new Page { Size = 2 });

        PageOf<string> second = Paging.Cut(
            Names.Except(["a", "b"]), name => name, new Page { Size = 2, Token = first.NextToken });

        Assert.Equal(["c", "d"], second.Items);
    }

    [Fact]
    public void Cut_ExactlyFull_HasNoNextPage() =>
        Assert.Equal("", Paging.Cut(Names, name => name, new Page { Size = 5 }).NextToken);

    [Theory]
    [InlineData("!!!")]
    [InlineData("AAAA")]
    [InlineData("9999999999")]
    public void Cut_StrangeToken_IsRefused(string token)
    {
        var error = Assert.Throws<InvalidSpecException>(
            () => Paging.Cut(Names, name => name, new Page { Token = token }));

        Assert.Equal("page.token", error.Faults.Single().Field);
    }

    [Fact]
    public void Cut_TokenOfANameThatIsNone_IsRefused()
    {
        string token = System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes("1:../etc"));

        Assert.Throws<InvalidSpecException>(() => Paging.Cut(Names, name => name, new Page { Token = token }));
    }

    [Fact]
    public void Cut_PageTooLarge_IsRefused() => Assert.Throws<InvalidSpecException>(
        () => Paging.Cut(Names, name => name, new Page { Size = 1001 }));
}
