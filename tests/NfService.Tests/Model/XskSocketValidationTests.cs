using Nf.V1;

namespace Nf.Service.Tests;

public sealed class XskSocketValidationTests
{
    public static TheoryData<string, Action<XskSocketSpec>, string> Wrong { get; } = new()
    {
        { "no umem", s => s.Umem = "", "spec.umem" },
        { "no device", s => s.ClearDevice(), "spec.device" },
        { "empty interface", s => s.Interface = "", "spec.interface" },
        { "16 characters", s => s.Interface = "abcdefghijklmnop", "spec.interface" },
        { "a slash", s => s.Interface = "a/b", "spec.interface" },
        { "a colon", s => s.Interface = "eth0:1", "spec.interface" },
        { "a space", s => s.Interface = "a b", "spec.interface" },
        { "a tab", s => s.Interface = "a\t", "spec.interface" },
        { "two dots", s => s.Interface = "..", "spec.interface" },
        { "ifindex 0", s => s.Ifindex = 0, "spec.ifindex" },
        { "ifindex too large", s => s.Ifindex = uint.MaxValue, "spec.ifindex" },
        { "queue", s => s.Queue = 65536, "spec.queue" },
        { "odd ring", s => s.Rings = new RingSizes { Rx = 100 }, "spec.rings.rx" },
        { "small ring", s => s.Rings = new RingSizes { Fill = 32 }, "spec.rings.fill" },
        { "large ring", s => s.Rings = new RingSizes { Rx = 131072 }, "spec.rings.rx" },
        {
            "completion below tx",
            s => s.Rings = new RingSizes { Tx = 4096, Completion = 2048 },
            "spec.rings.completion"
        },
        { "unknown mode", s => s.Mode = (XskMode)7, "spec.mode" },
        { "unknown xdp mode", s => s.XdpMode = (XdpMode)7, "spec.xdp_mode" },
        { "unknown owner", s => s.Owner = (XskOwner)7, "spec.owner" },
        {
            "zero-copy in the generic hook",
            s => (s.Mode, s.XdpMode) = (XskMode.ZeroCopy, XdpMode.Generic),
            "spec.xdp_mode"
        },
        { "busy poll without time", s => s.BusyPoll = new BusyPoll(), "spec.busy_poll.timeout_us" },
        { "busy poll too long", s => s.BusyPoll = Poll(timeoutUs: 10_001), "spec.busy_poll.timeout_us" },
        { "busy poll budget", s => s.BusyPoll = Poll(budget: 1025), "spec.busy_poll.budget" },
        { "deferred interrupts", s => s.BusyPoll = Poll(defer: 101), "spec.busy_poll.defer_hard_irqs" },
        { "flush timeout", s => s.BusyPoll = Poll(flushNs: 10_000_001), "spec.busy_poll.gro_flush_timeout_ns" },
        { "namespace of nothing", s => s.NetworkNamespace = new NetworkNamespace(), "spec.network_namespace" },
        {
            "relative path",
            s => s.NetworkNamespace = new NetworkNamespace { Path = "run/netns/a" },
            "spec.network_namespace.path"
        },
        {
            "long path",
            s => s.NetworkNamespace = new NetworkNamespace { Path = "/" + new string('a', 4095) },
            "spec.network_namespace.path"
        },
        {
            "path with a zero",
            s => s.NetworkNamespace = new NetworkNamespace { Path = "/a\0b" },
            "spec.network_namespace.path"
        },
        { "pid 0", s => s.NetworkNamespace = new NetworkNamespace { Pid = 0 }, "spec.network_namespace.pid" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void From_WrongField_NamesThatFieldOnly(string why, Action<XskSocketSpec> change, string field)
    {
        var error = Assert.Throws<InvalidSpecException>(
            () => DesiredXskSocket.From(Requests.Socket(change: change)));

        Assert.True(error.Faults.All(fault => fault.Field == field), $"{why}: {error.Message}");
    }

    [Fact]
    public void From_Defaults_AreFilledIn()
    {
        XskSocketSpec spec = DesiredXskSocket.From(Requests.Socket(change: s => s.BusyPoll = Poll(budget: 0)))
            .ToProto().Spec;

        Assert.Equal((XskMode.Auto, XdpMode.Auto, XskOwner.DataPlane), (spec.Mode, spec.XdpMode, spec.Owner));
        Assert.Equal(new RingSizes { Rx = 2048, Tx = 2048, Fill = 4096, Completion = 2048 }, spec.Rings);
        Assert.Equal(64u, spec.BusyPoll.Budget);
    }

    [Fact]
    public void From_LargeTxRing_CompletionFollows()
    {
        XskSocketSpec spec = DesiredXskSocket.From(
            Requests.Socket(change: s => s.Rings = new RingSizes { Tx = 8192 })).ToProto().Spec;

        Assert.Equal(8192u, spec.Rings.Completion);
    }

    private static BusyPoll Poll(uint timeoutUs = 20, uint budget = 8, uint defer = 0, ulong flushNs = 0) => new()
    {
        TimeoutUs = timeoutUs,
        Budget = budget,
        DeferHardIrqs = defer,
        GroFlushTimeoutNs = flushNs,
    };
}
