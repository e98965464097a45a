using Nf.DataPlane.Node;
using Nf.V1;

namespace Nf.DataPlane.Tests.Node;

public sealed class FeatureProbeTests
{
    [Fact]
    [Trait("Tier", "kernel")]
    public void Probe_ThisKernel_FindsWhatItIsKnownToHave()
    {
        IReadOnlyList<Feature> features = FeatureProbe.Probe();

        string[] always = ["af_xdp", "need_wakeup", "xdp_link", "xdp_frags", "live_frames", "aio_resfd"];
        Assert.All(always, name => Assert.True(Find(features, name).Present, Describe(features, name)));
        Assert.Equal(features.Count, features.Select(feature => feature.Name).Distinct().Count());
        Assert.All(features.Where(feature => !feature.Present), feature => Assert.NotEmpty(feature.Detail));
    }

    [Theory]
    [InlineData("netdev_genl", 6, 3)]
    [InlineData("use_sg", 6, 6)]
    [InlineData("tx_metadata", 6, 11)]
    [InlineData("max_tx_skb_budget", 6, 17)]
    [Trait("Tier", "kernel")]
    public void Probe_KernelNewEnough_FindsTheFeature(string name, int major, int minor)
    {
        if (Environment.OSVersion.Version < new Version(major, minor))
        {
            return; // An older kernel may have it or not.
        }

        IReadOnlyList<Feature> features = FeatureProbe.Probe();
        Assert.True(Find(features, name).Present, Describe(features, name));
    }

    [Fact]
    public void Probe_HugePages_AgreesWithMeminfo()
    {
        ulong free = ulong.Parse(File.ReadAllText("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"));

        Feature pages = Find(FeatureProbe.Probe(), "hugepages_2m");

        Assert.Equal(free > 0, pages.Present);
        Assert.StartsWith($"{free} of ", pages.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void ToFeature_CapabilityMissing_NamesItAndWhatIsLost()
    {
        Capability needed = Capabilities.Needed.Single(capability => capability.Name == "CAP_NET_RAW");

        Feature missing = FeatureProbe.ToFeature(needed, ~(1ul << needed.Bit));
        Feature present = FeatureProbe.ToFeature(needed, 1ul << needed.Bit);

        Assert.False(missing.Present);
        Assert.Equal("cap_net_raw", missing.Name);
        Assert.Contains("CAP_NET_RAW is missing", missing.Detail, StringComparison.Ordinal);
        Assert.Contains("AF_XDP sockets", missing.Detail, StringComparison.Ordinal);
        Assert.True(present.Present);
    }

    [Theory]
    [InlineData("\t000001fffeffffff", 0x1fffeffffffUL)]
    [InlineData(" 0000000000000000\n", 0UL)]
    public void ParseMask_KernelText_IsHexadecimal(string text, ulong expected) =>
        Assert.Equal(expected, Capabilities.ParseMask(text));

    private static Feature Find(IEnumerable<Feature> features, string name) =>
        Assert.Single(features, feature => feature.Name == name);

    private static string Describe(IEnumerable<Feature> features, string name) =>
        $"{name}: {Find(features, name).Detail}";
}
