using Nf.DataPlane.Faults;
using Nf.DataPlane.Node;
using Nf.DataPlane.Tests.Xdp;
using Nf.Linux;
using BusyPoll = Nf.V1.BusyPoll;

namespace Nf.DataPlane.Tests.Node;

[Trait("Tier", "kernel")]
public sealed class BusyPollSettingsTests : IDisposable
{
    private readonly VethLab _lab = VethLab.Create();
    private readonly List<string> _kept = [];
    private readonly BusyPollSettings _settings;

    public BusyPollSettingsTests() => _settings = new BusyPollSettings(Keep, Forget);

    public void Dispose()
    {
        _settings.Dispose();
        _lab.Dispose();
    }

    [Fact]
    public void Acquire_TwoSockets_LargestWishIsInForceAndOldValuesReturn()
    {
        Write(deferHardIrqs: 1, groFlushTimeoutNs: 1000);
        var small = new BusyPoll { DeferHardIrqs = 2, GroFlushTimeoutNs = 200_000 };
        var large = new BusyPoll { DeferHardIrqs = 5 };

        DeviceBusyPoll? device = Acquire(small);
        Assert.NotNull(device);
        Assert.Equal((2u, 200_000ul), Read());
        Assert.Same(device, Acquire(large));
        Assert.Equal((5u, 200_000ul), Read());

        Assert.False(_settings.Release(device, small));
        Assert.Equal((5u, 1000ul), Read());
        Assert.True(_settings.Release(device, large));
        Assert.Equal((1u, 1000ul), Read());
        Assert.Empty(_settings.Devices);
    }

    [Fact]
    public void Acquire_FirstChange_IsKeptBeforeItIsMadeAndForgottenAfterItIsUndone()
    {
        Write(deferHardIrqs: 1, groFlushTimeoutNs: 1000);
        var wish = new BusyPoll { DeferHardIrqs = 2 };
        var both = new BusyPoll { DeferHardIrqs = 5, GroFlushTimeoutNs = 200_000 };

        DeviceBusyPoll device = Acquire(wish)!;
        Acquire(both);
        _settings.Release(device, both);
        _settings.Release(device, wish);

        // The third: what is to be put back has become less.
        Assert.Equal(
            ["kept at (1, 1000)", "kept at (2, 1000)", "kept at (2, 1000)", "forgotten at (1, 1000)"], _kept);
    }

    [Fact]
    public void Acquire_NothingWishedFor_ChangesNothing()
    {
        Write(deferHardIrqs: 3, groFlushTimeoutNs: 3000);

        Assert.Null(Acquire(new BusyPoll { TimeoutUs = 20 }));

        Assert.Equal((3u, 3000ul), Read());
    }

    [Fact]
    public void Adopt_NextLife_RestoresWhatTheFirstFound()
    {
        Write(deferHardIrqs: 1, groFlushTimeoutNs: 1000);
        DeviceBusyPoll device = Acquire(new BusyPoll { DeferHardIrqs = 2, GroFlushTimeoutNs = 200_000 })!;
        (byte[] metadata, FileDescriptor[] descriptors) = device.Describe();
        FileDescriptor kept = Assert.Single(descriptors).Duplicate();
        _settings.Dispose();
        Assert.Equal((2u, 200_000ul), Read());

        using var next = new BusyPollSettings(Keep, Forget);
        DeviceBusyPoll adopted = next.Adopt(metadata, kept);
        Assert.Same(adopted, next.Acquire(_lab.Inner, _lab.Ifindex, "x", new BusyPoll { DeferHardIrqs = 7 }));
        Assert.Equal((7u, 1000ul), Read());
        Assert.True(next.Release(adopted, new BusyPoll { DeferHardIrqs = 7 }));

        Assert.Equal((1u, 1000ul), Read());
    }

    [Fact]
    public void RestoreUnwanted_NobodyCameBack_RestoresThose()
    {
        Write(deferHardIrqs: 1, groFlushTimeoutNs: 1000);
        DeviceBusyPoll device = Acquire(new BusyPoll { DeferHardIrqs = 2 })!;
        (byte[] metadata, FileDescriptor[] descriptors) = device.Describe();
        FileDescriptor kept = descriptors[0].Duplicate();
        _settings.Dispose();

        using var next = new BusyPollSettings(Keep, Forget);
        next.Adopt(metadata, kept);
        next.RestoreUnwanted();

        Assert.Equal((1u, 1000ul), Read());
        Assert.Empty(next.Devices);
    }

    [Theory]
    [InlineData(new byte[] { 0xff, 0xff })]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 8, 2, 16, 1, 26, 1, 65 })] // version 2
    [InlineData(new byte[] { 8, 1, 26, 1, 65 })] // no ifindex
    [InlineData(new byte[] { 8, 1, 16, 1 })] // no name
    public void Adopt_DamagedMetadata_IsRefused(byte[] metadata) => Assert.Throws<InvalidDataException>(
        () => _settings.Adopt(metadata, _lab.Inner.Descriptor));

    [Fact]
    public void Acquire_ValueTheKernelRefuses_IsAFaultAndChangesNothing()
    {
        Write(deferHardIrqs: 1, groFlushTimeoutNs: 1000);
        var wish = new BusyPoll { DeferHardIrqs = uint.MaxValue, GroFlushTimeoutNs = 5000 };

        var fault = Assert.Throws<CommandFaultException>(() => Acquire(wish));

        Assert.Equal("BUSY_POLL_SETTINGS_REFUSED", fault.Reason);
        Assert.Equal((1u, 1000ul), Read());
        Assert.Empty(_settings.Devices);
    }

    [Fact]
    public void Release_DeviceGone_IsQuiet()
    {
        var wish = new BusyPoll { DeferHardIrqs = 2 };
        DeviceBusyPoll device = Acquire(wish)!;
        _lab.Inside($"link del {VethLab.Device}");

        Assert.True(_settings.Release(device, wish));
    }

    private void Keep(DeviceBusyPoll device) => _kept.Add($"kept at {TryRead()}");

    private void Forget(DeviceBusyPoll device) => _kept.Add($"forgotten at {TryRead()}");

    private DeviceBusyPoll? Acquire(BusyPoll wish) =>
        _settings.Acquire(_lab.Inner, _lab.Ifindex, VethLab.Device, wish);

    private (uint DeferHardIrqs, ulong GroFlushTimeoutNs) Read() => TryRead()!.Value;

    private (uint DeferHardIrqs, ulong GroFlushTimeoutNs)? TryRead() => _lab.Inner.Run<(uint, ulong)?>(() =>
    {
        using NetworkSysfs sysfs = NetworkSysfs.Open();
        return sysfs.TryRead($"class/net/{VethLab.Device}/napi_defer_hard_irqs") is { } deferHardIrqs
            && sysfs.TryRead($"class/net/{VethLab.Device}/gro_flush_timeout") is { } groFlushTimeoutNs
            ? (uint.Parse(deferHardIrqs), ulong.Parse(groFlushTimeoutNs))
            : null;
    });

    private void Write(uint deferHardIrqs, ulong groFlushTimeoutNs) => _lab.Inner.Run(() =>
    {
        using NetworkSysfs sysfs = NetworkSysfs.Open();
        sysfs.Write($"class/net/{VethLab.Device}/napi_defer_hard_irqs", $"{deferHardIrqs}");
        sysfs.Write($"class/net/{VethLab.Device}/gro_flush_timeout", $"{groFlushTimeoutNs}");
    });
}
