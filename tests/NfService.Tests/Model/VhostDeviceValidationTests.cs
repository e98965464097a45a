using Nf.V1;

namespace Nf.Service.Tests;

public sealed class VhostDeviceValidationTests
{
    private const string Mac = "spec.mac";
    private const string Path = "spec.socket_path";

    public static TheoryData<string, Action<VhostDeviceSpec>, string> Wrong { get; } = new()
    {
        { "no path", s => s.SocketPath = "", Path },
        { "relative", s => s.SocketPath = "run/v.sock", Path },
        { "a directory", s => s.SocketPath = "/run/", Path },
        { "a zero byte", s => s.SocketPath = "/run/a\0b", Path },
        { "108 bytes", s => s.SocketPath = "/" + new string('a', 107), Path },
        { "107 characters of more bytes", s => s.SocketPath = "/" + new string('ä', 106), Path },
        { "unknown role", s => s.Role = (VhostRole)7, "spec.role" },
        { "9 pairs", s => s.QueuePairs = 9, "spec.queue_pairs" },
        { "small rings", s => s.QueueSizeMax = 32, "spec.queue_size_max" },
        { "odd rings", s => s.QueueSizeMax = 1000, "spec.queue_size_max" },
        { "large rings", s => s.QueueSizeMax = 65_536, "spec.queue_size_max" },
        { "mtu 67", s => s.MtuBytes = 67, "spec.mtu_bytes" },
        { "mtu 65536", s => s.MtuBytes = 65_536, "spec.mtu_bytes" },
        { "five bytes", s => s.Mac = "52:54:00:12:34", Mac },
        { "seven bytes", s => s.Mac = "52:54:00:12:34:56:78", Mac },
        { "no digits", s => s.Mac = "52:54:00:12:34:5g", Mac },
        { "a sign", s => s.Mac = "52:54:00:12:34:+5", Mac },
        { "hyphens", s => s.Mac = "52-54-00-12-34-56", Mac },
        { "multicast", s => s.Mac = "01:00:5e:00:00:01", Mac },
        { "broadcast", s => s.Mac = "ff:ff:ff:ff:ff:ff", Mac },
        { "all zero", s => s.Mac = "00:00:00:00:00:00", Mac },
        { "mode 01000", s => s.SocketMode = 512, "spec.socket_mode" },
        { "mode of a client", s => (s.Role, s.SocketMode) = (VhostRole.Client, 432), "spec.socket_mode" },
        {
            "segmentation without checksum",
            s => s.Features = new VhostFeatures { Checksum = false, Segmentation = true },
            "spec.features.segmentation"
        },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void From_WrongField_NamesThatFieldOnly(string why, Action<VhostDeviceSpec> change, string field)
    {
        var error = Assert.Throws<InvalidSpecException>(
            () => DesiredVhostDevice.From(Requests.Vhost(change: change)));

        Assert.True(error.Faults.All(fault => fault.Field == field), $"{why}: {error.Message}");
    }

    [Fact]
    public void From_ManyFaults_NamesEach()
    {
        var error = Assert.Throws<InvalidSpecException>(() => DesiredVhostDevice.From(Requests.Vhost(
            "V", s => (s.SocketPath, s.QueuePairs, s.MtuBytes, s.Mac) = ("", 9, 1, "x"))));

        Assert.Equal(
            ["name", Path, "spec.queue_pairs", "spec.mtu_bytes", Mac], error.Faults.Select(fault => fault.Field));
    }

    [Fact]
    public void From_Defaults_AreFilledIn()
    {
        VhostDeviceSpec spec = DesiredVhostDevice.From(Requests.Vhost()).ToProto().Spec;

        Assert.Equal((VhostRole.Server, 1u, 1024u), (spec.Role, spec.QueuePairs, spec.QueueSizeMax));
        Assert.Equal(432u, spec.SocketMode); // 0660
        Assert.Equal(
            new VhostFeatures
            {
                Mergeable = true,
                Packed = true,
                Indirect = true,
                EventIndex = true,
                InOrder = true,
                Checksum = true,
                Segmentation = true,
                DirtyLog = true,
            },
            spec.Features);
    }

    [Fact]
    public void From_NoChecksum_OffersNoSegmentationEither()
    {
        VhostDeviceSpec spec = DesiredVhostDevice.From(
            Requests.Vhost(change: s => s.Features = new VhostFeatures { Checksum = false })).ToProto().Spec;

        Assert.Equal((false, true), (spec.Features.Segmentation, spec.Features.Mergeable));
    }

    [Fact]
    public void From_ClientRole_HasNoSocketMode() => Assert.Equal(
        0u, DesiredVhostDevice.From(Requests.Vhost(change: s => s.Role = VhostRole.Client)).ToProto().Spec.SocketMode);

    // The longest path and the bounds of each number are right.
    [Fact]
    public void From_Bounds_AreTaken()
    {
        string path = "/" + new string('a', 106);
        VhostDeviceSpec spec = DesiredVhostDevice.From(Requests.Vhost(change: s =>
        {
            (s.SocketPath, s.QueuePairs, s.QueueSizeMax, s.MtuBytes, s.SocketMode) = (path, 8, 32_768, 68, 511);
            s.Mac = "52:54:00:AB:cd:0f";
        })).ToProto().Spec;

        Assert.Equal((path, "52:54:00:ab:cd:0f"), (spec.SocketPath, spec.Mac));
    }

    [Fact]
    public void DifferenceFrom_EqualButForDefaults_IsNone()
    {
        var asked = DesiredVhostDevice.From(Requests.Vhost());
        var explicitly = DesiredVhostDevice.From(Requests.Vhost(change: s =>
            (s.QueuePairs, s.SocketMode, s.Features) = (1, 432, new VhostFeatures { Packed = true })));

        Assert.Null(asked.DifferenceFrom(explicitly));
    }
}
