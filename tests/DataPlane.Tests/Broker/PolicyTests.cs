using Nf.DataPlane.Broker;
using Nf.DataPlane.Faults;
using Nf.Linux;
using Nf.SharedMemory.Broker;

namespace Nf.DataPlane.Tests.Broker;

public sealed class PolicyTests
{
    private const string Full = """
        { "rules": [
          // Comments are taken.
          { "uids": [1000, "2000-2999"], "gids": ["*"], "cgroup": "/kubepods", "interfaces": ["eth*", "v?"],
            "queues": ["0-3", 8], "network_namespaces": "any", "memory": ["service", "own"], "leases_max": 2,
            "memory_bytes_max": 1048576, "keep_seconds_max": 5, "privileged": true },
          { "gids": [7] },
        ] }
        """;

    private static readonly PolicyQuestion Good = new()
    {
        Interface = "eth0",
        Queue = 3,
        Namespace = PolicyNamespaces.Any,
        MemoryKind = LeaseMemoryKind.Own,
        MemoryBytes = 1 << 19,
        KeepSeconds = 5,
        LeaseCount = 1,
        MemoryBytesInUse = 1 << 19,
    };

    public static TheoryData<string, string> Bad => new()
    {
        { "", "JSON" },
        { "[]", "one member, \"rules\"" },
        { """{ "rules": [], "more": 1 }""", "one member" },
        { """{ "rules": [1] }""", "rules[0]: an object" },
        { """{ "rules": [{}] }""", "rules[0]: says of nobody" },
        { """{ "rules": [{"uids": []}] }""", "rules[0].uids: a list that is not empty" },
        { """{ "rules": [{"uids": 5}] }""", "rules[0].uids: a list" },
        { """{ "rules": [{"uids": ["5-1"]}] }""", "\"5-1\" is no number" },
        { """{ "rules": [{"uids": [-1]}] }""", "-1 is no number" },
        { """{ "rules": [{"uids": ["1-2-3"]}] }""", "\"1-2-3\"" },
        { """{ "rules": [{"uids": [4294967296]}] }""", "4294967296" },
        { """{ "rules": [{"uids": [{}]}] }""", "{}" },
        { """{ "rules": [{"cgroup": "kube"}] }""", "does not begin with /" },
        { """{ "rules": [{"uids": ["*"], "interfaces": [""]}] }""", "rules[0].interfaces: \"\" is no text" },
        { """{ "rules": [{"uids": ["*"], "interface": ["e"]}] }""", "rules[0].interface: unknown" },
        { """{ "rules": [{"uids": ["*"], "memory": ["x"]}] }""", "\"x\" is not service, user or own" },
        { """{ "rules": [{"uids": ["*"], "network_namespaces": "all"}] }""", "is not data_plane, client or any" },
        { """{ "rules": [{"uids": ["*"], "leases_max": 257}] }""", "257 is no number from 0 to 256" },
        { """{ "rules": [{"uids": ["*"], "memory_bytes_max": 1.5}] }""", "1.5 is no number" },
        { """{ "rules": [{"uids": ["*"], "keep_seconds_max": "1"}] }""", "\"1\" is no number from 0 to 3600" },
        { """{ "rules": [{"uids": ["*"], "privileged": 1}] }""", "1 is not true or false" },
    };

    public static TheoryData<string, string> Refusals => new()
    {
        { "interface", "interface wlan0: this user may have eth*, v?" },
        { "queue", "queue 4: this user may have 0-3, 8" },
        { "kind", "memory_kind User" },
        { "bytes", "this user has 524288 of 1048576" },
        { "wrap", "this user has 524288 of 1048576" },
        { "keep", "keep_seconds 6: at most 5" },
        { "leases", "this user has 2 leases, at most 2" },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void Read_WrongFile_NamesPlaceAndRule(string json, string fault)
    {
        IReadOnlyList<string> faults = PolicyReader.Read(json, out BrokerPolicy? policy);
        Assert.Null(policy);
        Assert.Contains(fault, string.Join("; ", faults), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_TwoMistakes_TellsBoth() => Assert.Equal(
        2, PolicyReader.Read("""{ "rules": [{"uids": ["x"], "memory": ["y"]}] }""", out _).Count);

    [Theory]
    [InlineData(1000u, 1u, "/kubepods", true)]
    [InlineData(2500u, 1u, "/kubepods/pod1", true)]
    [InlineData(3000u, 1u, "/kubepods", false)]
    [InlineData(1000u, 1u, "/kubepods2", false)]
    [InlineData(1000u, 1u, null, false)]
    [InlineData(5u, 7u, null, true)]
    public void IsAbout_EachClient_FitsEverythingTheRuleSays(uint uid, uint gid, string? cgroup, bool expected) =>
        Assert.Equal(expected, Rules().Any(rule => rule.IsAbout(uid, gid, cgroup)));

    [Theory]
    [MemberData(nameof(Refusals))]
    public void WhyNot_OneThingTooMuch_IsNamed(string what, string why)
    {
        PolicyQuestion asked = what switch
        {
            "interface" => Good with { Interface = "wlan0" },
            "queue" => Good with { Queue = 4 },
            "kind" => Good with { MemoryKind = LeaseMemoryKind.User },
            "bytes" => Good with { MemoryBytes = (1 << 19) + 1 },
            "wrap" => Good with { MemoryBytes = ulong.MaxValue },
            "keep" => Good with { KeepSeconds = 6 },
            _ => Good with { LeaseCount = 2 },
        };
        Assert.Equal("", Rules()[0].WhyNot(Good));
        Assert.Contains(why, Rules()[0].WhyNot(asked), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData((int)PolicyNamespaces.DataPlane, true)]
    [InlineData((int)PolicyNamespaces.Client, true)]
    [InlineData((int)PolicyNamespaces.Any, false)]
    public void WhyNot_DefaultRule_LendsInOwnNamespacesOnly(int where, bool expected) => Assert.Equal(
        expected, Rules()[1].WhyNot(Good with { Namespace = (PolicyNamespaces)where }).Length == 0);

    [Fact]
    public void Require_DefaultPolicy_IsForRootAndTheOwnUser()
    {
        BrokerPolicy policy = BrokerPolicy.Default(33);
        foreach ((uint uid, bool expected) in new[] { (0u, true), (33u, true), (34u, false), (65534u, false) })
        {
            using var peer = new BrokerPeer(new PeerCredentials(1, uid, uid), null);
            Exception? refusal = Record.Exception(() => policy.Require(peer, Good));
            Assert.Equal(expected, refusal is null);
            Assert.True(expected || ((CommandFaultException)refusal!).Errno == Errno.EACCES);
        }
    }

    [Theory]
    [InlineData("*", "", true)]
    [InlineData("", "", true)]
    [InlineData("", "a", false)]
    [InlineData("eth*", "eth", true)]
    [InlineData("eth*", "et", false)]
    [InlineData("*0", "eth0", true)]
    [InlineData("*0", "eth01", false)]
    [InlineData("e*t*0", "ethtool0", true)]
    [InlineData("e?h?", "eth0", true)]
    [InlineData("e?h?", "eth", false)]
    [InlineData("*a*a*a*a*b", "aaaaaaaaaaaaaaa", false)]
    public void Glob_EachPattern_Matches(string pattern, string name, bool expected) =>
        Assert.Equal(expected, Glob.IsMatch(pattern, name));

    [Fact]
    public void TokenBucket_Burst_IsFollowedByItsRate()
    {
        var bucket = new TokenBucket(10, 3);
        const long second = 1_000_000_000;
        Assert.Equal([true, true, true, false], Enumerable.Range(0, 4).Select(_ => bucket.TryTake(second)));
        Assert.Equal([true, false], Enumerable.Range(0, 2).Select(_ => bucket.TryTake(second + (second / 10))));
        Assert.Equal([true, true, true, false], Enumerable.Range(0, 4).Select(_ => bucket.TryTake(100 * second)));
    }

    [Fact]
    public void Refresh_FileChangesToNonsense_KeepsWhatWasInForce()
    {
        string path = Path.Combine(Path.GetTempPath(), $"nf-policy-{Guid.NewGuid():N}.json");
        try
        {
            File.WriteAllText(path, Full);
            var file = new PolicyFile(path, ownUid: 5);
            Assert.True(file.Refresh(always: false, out _));
            Assert.Equal(2, file.Policy.Rules.Count);
            Assert.Null(file.Refresh(always: false, out _));
            File.WriteAllText(path, "nonsense");
            Assert.False(file.Refresh(always: false, out string what));
            Assert.Contains(path, what, StringComparison.Ordinal);
            Assert.Equal(2, file.Policy.Rules.Count);
            File.Delete(path);
            Assert.False(file.Refresh(always: false, out _));
            Assert.Equal(2, file.Policy.Rules.Count);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static IReadOnlyList<PolicyRule> Rules()
    {
        Assert.Empty(PolicyReader.Read(Full, out BrokerPolicy? policy));
        return policy!.Rules;
    }
}
