namespace Nf.Packaging.Tests;

public class ValuesSchemaTests
{
    public static TheoryData<string, string, string> WrongValues => new()
    {
        { "metrics.port=0", "/metrics/port", "minimum" },
        { "metrics.port=text", "/metrics/port", "want integer" },
        { "metrics.address=example.org", "/metrics/address", "does not match pattern" },
        { "metrics.prot=1", "/metrics", "prot" },
        { "dataPlane.capabilities={CAP_NET_ADMIN}", "/dataPlane/capabilities/0", "'NET_ADMIN'" },
        { "dataPlane.workers={two}", "/dataPlane/workers/0", "does not match pattern" },
        { "dataPlane.spinMicroseconds=2000000", "/dataPlane/spinMicroseconds", "maximum" },
        { "dataPlane.xdpAttach=generic", "/dataPlane/xdpAttach", "'netlink'" },
        { "dataPlane.hugepages.2Mi=512M", "/dataPlane/hugepages/2Mi", "does not match pattern" },
        { "dataPlane.hugepages.4Mi=512Mi", "/dataPlane/hugepages", "4Mi" },
        { "dataPlane.resources.limits.cpu=2", "/dataPlane/resources/limits/cpu", "want string" },
        { "dataPlane.seccompProfile.type=Localhost", "/dataPlane/seccompProfile", "localhostProfile" },
        { "runDirectory.hostPath=run/nf", "/runDirectory/hostPath", "does not match pattern" },
        { "service.quotas.Team_A=1G", "/service/quotas", "Team_A" },
        { "service.quotas.team-a=1GiB", "/service/quotas/team-a", "does not match pattern" },
        { "service.socketGroup=-1", "/service/socketGroup", "minimum" },
        { "updateStrategy.type=Recreate", "/updateStrategy/type", "'OnDelete'" },
        { "image.pullPolicy=Sometimes", "/image/pullPolicy", "'IfNotPresent'" },
        { "hostNetworking=true", "", "hostNetworking" },
    };

    [Theory]
    [MemberData(nameof(WrongValues))]
    public void Value_AgainstTheSchema_IsRefusedByName(string value, string where, string what)
    {
        (int code, _, string errors) = Helm.Template("--set", value);

        Assert.NotEqual(0, code);
        Assert.Contains($"at '{where}'", errors, StringComparison.Ordinal);
        Assert.Contains(what, errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("dataPlane.spinMicroseconds=null")]
    [InlineData("dataPlane.workers={0,8-11}")]
    [InlineData("dataPlane.workers={8-}", false)]
    [InlineData("dataPlane.hugepages.1Gi=4Gi")]
    [InlineData("dataPlane.resources.limits.cpu=2000m")]
    [InlineData("metrics.address=[fd00::1]")]
    [InlineData("metrics.address=[$(POD_IP)]")]
    [InlineData("updateStrategy.type=OnDelete,updateStrategy.rollingUpdate=null")]
    [InlineData("global.anything=true")]
    public void Value_AtTheRule_IsJudged(string value, bool accepted = true)
    {
        (int code, _, string errors) = Helm.Template("--set", value);

        Assert.True((code == 0) == accepted, errors);
    }
}
