using Nf.Ctl.Parsing;
using Nf.V1;

namespace Nf.Ctl.Tests.Parsing;

public class NamespacesTests
{
    [Theory]
    [InlineData("blue", "/run/netns/blue")]
    [InlineData("/proc/1234/ns/net", "/proc/1234/ns/net")]
    [InlineData("/run/netns/../netns/blue", "/run/netns/blue")]
    public void Parse_NameOrPath_GivesPath(string text, string path)
    {
        Assert.Equal(new NetworkNamespace { Path = path }, Namespaces.Parse(text));
    }

    [Fact]
    public void Parse_Pid_GivesPid()
    {
        Assert.Equal(new NetworkNamespace { Pid = 1234 }, Namespaces.Parse("pid:1234"));
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("pid:")]
    [InlineData("pid:0")]
    [InlineData("pid:-1")]
    [InlineData("pid:x")]
    public void Parse_NoNamespace_Throws(string text)
    {
        Assert.Throws<FormatException>(() => Namespaces.Parse(text));
    }

    [Theory]
    [InlineData("blue", "blue")]
    [InlineData("/proc/7/ns/net", "/proc/7/ns/net")]
    [InlineData("pid:7", "pid:7")]
    public void Format_Namespace_ReadsAsTyped(string text, string shown)
    {
        Assert.Equal(shown, Namespaces.Format(Namespaces.Parse(text)));
    }
}
