using Nf.DataPlane.Control;
using Nf.DataPlane.Faults;
using Nf.DataPlane.Vhost;
using Nf.V1;

namespace Nf.DataPlane.Tests.Control.Vhost;

public class VhostShapeTests
{
    public static TheoryData<string, string> BadSpecs => new()
    {
        { "socket_path", """{"socket_path": ""}""" },
        { "socket_path", """{"socket_path": "relative.sock"}""" },
        { "socket_path", """{"socket_path": "/run/nf/"}""" },
        { "socket_path", """{"socket_path": "/a\u0000b"}""" },
        { "socket_path", $$"""{"socket_path": "/{{new string('x', 107)}}"}""" },
        { "role", """{"role": 9}""" },
        { "queue_pairs", """{"queue_pairs": 9}""" },
        { "queue_size_max", """{"queue_size_max": 32}""" },
        { "queue_size_max", """{"queue_size_max": 1000}""" },
        { "queue_size_max", """{"queue_size_max": 65536}""" },
        { "mtu_bytes", """{"mtu_bytes": 67}""" },
        { "mtu_bytes", """{"mtu_bytes": 65536}""" },
        { "mac", """{"mac": "00:00:00:00:00:00"}""" },
        { "mac", """{"mac": "01:00:00:00:00:01"}""" },
        { "mac", """{"mac": "52:54:00:00:00"}""" },
        { "mac", """{"mac": "52:54:00:00:00:0g"}""" },
        { "mac", """{"mac": "+2:54:00:00:00:01"}""" },
        { "socket_mode", """{"socket_mode": 512}""" },
        { "features.segmentation", """{"features": {"checksum": false, "segmentation": true}}""" },
    };

    [Theory]
    [MemberData(nameof(BadSpecs))]
    public void Of_BadSpec_NamesTheField(string field, string json)
    {
        VhostDeviceSpec spec = Spec(valid => valid.MergeFrom(VhostDeviceSpec.Parser.ParseJson(json)));
        if (json.Contains("socket_path", StringComparison.Ordinal))
        {
            spec.SocketPath = VhostDeviceSpec.Parser.ParseJson(json).SocketPath;
        }

        CommandFaultException fault = Assert.Throws<CommandFaultException>(() => VhostShape.Of(spec));

        Assert.Equal("INVALID_SPEC", fault.Reason);
        Assert.StartsWith(field, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_SeveralFaults_NamesAll()
    {
        CommandFaultException fault = Assert.Throws<CommandFaultException>(
            () => VhostShape.Of(new VhostDeviceSpec { SocketPath = "x", QueuePairs = 99, MtuBytes = 1 }));

        Assert.All(
            (string[])["socket_path", "queue_pairs", "mtu_bytes"],
            field => Assert.Contains(field, fault.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Of_Defaults_AreFilledIn()
    {
        VhostShape shape = VhostShape.Of(Spec(_ => { }));

        Assert.Equal((1, 1024u, Convert.ToInt32("660", 8)), (shape.QueuePairs, shape.QueueSizeMax, shape.SocketMode));
        Assert.False(shape.IsClient);
        Assert.Equal(0ul, shape.Mac);
    }

    [Theory]
    [InlineData(VirtioFeatures.MergeableBuffers, "mergeable")]
    [InlineData(VirtioFeatures.RingPacked, "packed")]
    [InlineData(VirtioFeatures.IndirectDescriptors, "indirect")]
    [InlineData(VirtioFeatures.EventIndex, "event_index")]
    [InlineData(VirtioFeatures.InOrder, "in_order")]
    [InlineData(VirtioFeatures.Checksum | VirtioFeatures.GuestChecksum, "checksum")]
    [InlineData(VirtioFeatures.HostTso4 | VirtioFeatures.GuestTso6, "segmentation")]
    [InlineData(VirtioFeatures.LogAll, "dirty_log")]
    public void Of_FeatureSwitchedOff_IsNotOffered(ulong bits, string field)
    {
        ulong all = VhostShape.Of(Spec(_ => { })).Features;
        VhostFeatures without = VhostFeatures.Parser.ParseJson($"{{\"{field}\": false}}");
        ulong rest = VhostShape.Of(Spec(spec => spec.Features = without)).Features;

        Assert.Equal(bits, all & bits);
        Assert.Equal(0ul, rest & bits);
    }

    [Fact]
    public void Of_NoChecksum_OffersNoSegmentation() => Assert.Equal(
        0ul,
        VhostShape.Of(Spec(spec => spec.Features = new VhostFeatures { Checksum = false })).Features
            & VirtioFeatures.HostTso4);

    [Fact]
    public void Of_PairsMacAndMtu_AreOffered()
    {
        VhostShape shape = VhostShape.Of(Spec(spec =>
        {
            spec.QueuePairs = 4;
            spec.Mac = "52:54:00:12:34:56";
            spec.MtuBytes = 9000;
        }));
        const ulong wanted = VirtioFeatures.MultiQueue | VirtioFeatures.Mac | VirtioFeatures.Mtu;

        Assert.Equal(wanted, shape.Features & wanted);
        Assert.Equal(0x5634_1200_5452ul, shape.Mac);
    }

    [Theory]
    [InlineData(0, 100)]
    [InlineData(1, 200)]
    [InlineData(3, 800)]
    [InlineData(5, 2000)]
    [InlineData(1000, 2000)]
    public void Backoff_AfterAttempts_DoublesUpToALimit(int attempts, int milliseconds)
    {
        Assert.Equal(milliseconds * 750_000L, VhostBackoff.DelayNs(attempts, 0));
        Assert.Equal(milliseconds * 1_250_000L, VhostBackoff.DelayNs(attempts, 1));
    }

    private static VhostDeviceSpec Spec(Action<VhostDeviceSpec> change)
    {
        var spec = new VhostDeviceSpec { SocketPath = "/run/nf/v.sock" };
        change(spec);
        return spec;
    }
}
