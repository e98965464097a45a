using Nf.DataPlane.Tests.Vhost.Protocol.Support;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Memory;
using Nf.DataPlane.Vhost.Protocol;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Protocol;

/// <summary>The region of descriptors in hand, as messages speak of it.</summary>
public class InflightTests
{
    [Fact] // K01
    public void Region_Asked_IsASealedFileOfTheRightSize()
    {
        using var rig = SessionRig.Negotiated();
        Reply reply = Get(rig, 2, 256);
        var region = reply.As<InflightPayload>();
        FileDescriptor file = Assert.Single(reply.Descriptors);
        Assert.Equal(24, reply.Payload.Length);
        Assert.Equal((2, 256), (region.Queues, region.QueueSize));
        Assert.Equal(0UL, region.Offset);
        Assert.Equal(0UL, region.SizeBytes % 64);
        Assert.InRange(region.SizeBytes, 2UL * (16 + (256 * 16)), (ulong)file.Length);
        Assert.Equal(
            MemFileSeals.Shrink | MemFileSeals.Grow | MemFileSeals.Seal,
            MemFile.GetSeals(file) & (MemFileSeals.Shrink | MemFileSeals.Grow | MemFileSeals.Seal));
    }

    [Theory] // K02
    [InlineData(0, 256)]
    [InlineData(3, 256)]
    [InlineData(0xffff, 256)]
    [InlineData(2, 0)]
    [InlineData(2, 0xffff)]
    public void Region_OfShapesThatCannotBe_IsRefused(int queues, int size)
    {
        using var rig = SessionRig.Negotiated();
        Reply reply = Get(rig, queues, size);
        Assert.Equal(new byte[24], reply.Payload);
        Assert.Empty(reply.Descriptors);
        rig.Nacked(VhostRequest.SET_INFLIGHT_FD, Shape(1 << 20, 0, queues, size), NewFile(rig, 1 << 20));
    }

    [Theory] // K03
    [InlineData(4096UL, 0UL)]
    [InlineData(1UL << 20, 4096UL)]
    [InlineData(1UL << 20, ulong.MaxValue)]
    [InlineData(ulong.MaxValue, 0UL)]
    [InlineData(0UL, 0UL)]
    public void Region_OutsideItsFile_IsRefused(ulong size, ulong offset)
    {
        using var rig = SessionRig.Negotiated();
        rig.Nacked(VhostRequest.SET_INFLIGHT_FD, Shape(size, offset, 2, 256), NewFile(rig, 1 << 20));
    }

    [Fact] // K04
    public void Region_AskedAndGivenOften_IsHeldOnce()
    {
        using var rig = SessionRig.Negotiated();
        for (int i = 0; i < 20; i++)
        {
            Reply reply = Get(rig, 2, 256);
            rig.Acked(VhostRequest.SET_INFLIGHT_FD, reply.Payload, reply.Descriptors);
        }

        Assert.Equal(1 + 1, rig.HeldBySession);
        Assert.Equal(1, rig.Watch.Mapped());
    }

    [Fact]
    public void Region_Given_IsWhatRingsRunWith()
    {
        using var rig = SessionRig.Negotiated();
        Reply reply = Get(rig, 2, 256);
        rig.Acked(VhostRequest.SET_INFLIGHT_FD, reply.Payload, reply.Descriptors);
        GuestRam ram = rig.StartRings(0);
        Assert.NotNull(rig.Host.Running[0]!.Inflight);
        rig.Nacked(VhostRequest.SET_INFLIGHT_FD, reply.Payload, reply.Descriptors);

        // A ring larger than the region's runs without, and a person can see why.
        rig.StartRing(ram, 1, size: 512);
        Assert.Null(rig.Host.Running[1]!.Inflight);
        Assert.Contains("the inflight region has no room for it", rig.LastFault(), StringComparison.Ordinal);
    }

    [Fact]
    public void Region_FileShrinks_CostsTheConnectionAndIsTold()
    {
        using var rig = SessionRig.Negotiated();
        FileDescriptor file = NewFile(rig, 1 << 20);
        rig.Acked(VhostRequest.SET_INFLIGHT_FD, Shape(1 << 20, 0, 2, 256), file);
        rig.StartRings(0);
        file.Truncate(0);
        Assert.IsType<SplitInflightQueue>(rig.Host.Running[0]!.Inflight).Fetch(1); // as a worker does at any time
        Assert.False(rig.Session.OnTick(1));
        Assert.Equal(1UL, rig.Faults.Count(VhostFaultKind.MemoryLost));
        Assert.Contains("inflight region", rig.Session.EndReason, StringComparison.Ordinal);
    }

    [Fact] // a structure without tail padding
    public void Region_DescribedInTwentyBytes_IsTaken()
    {
        using var rig = SessionRig.Negotiated();
        rig.Acked(VhostRequest.SET_INFLIGHT_FD, Shape(1 << 20, 0, 2, 256)[..20], NewFile(rig, 1 << 20));
    }

    private static Reply Get(SessionRig rig, int queues, int size) =>
        rig.Ask(VhostRequest.GET_INFLIGHT_FD, Shape(0, 0, queues, size));

    private static byte[] Shape(ulong bytes, ulong offset, int queues, int size) =>
        Messages.Payload(new InflightPayload(bytes, offset, (ushort)queues, (ushort)size, 0));

    private static FileDescriptor NewFile(SessionRig rig, long bytes) =>
        rig.Own(MemFile.Create("inflight", bytes, new MemFileOptions()));
}
