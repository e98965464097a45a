using Nf.SharedMemory.Segments;

namespace Nf.Service.Tests;

public sealed class PortDropCountsTests
{
    [Fact]
    public void Of_PacketThatMetAnEmptyFillRing_IsCountedOnce()
    {
        // The kernel counts such a packet twice: 7 + 3 dropped, 7 of them for want of fill entries.
        var kernel = new PortKernel { RxDropped = 10, RxFillRingEmptyDescs = 7, RxRingFull = 5 };
        var port = new PortSlot { Kernel = kernel };

        Dictionary<string, ulong> drops = PortDropCounts.Of(port).ToDictionary(d => d.Reason, d => d.Packets);

        Assert.Equal((3UL, 7UL, 5UL), (drops["rx_dropped"], drops["rx_fill_ring_empty"], drops["rx_ring_full"]));
    }

    [Fact]
    public void Of_CountersReadAtDifferentMoments_IsNeverNegative()
    {
        var port = new PortSlot { Kernel = new PortKernel { RxDropped = 1, RxFillRingEmptyDescs = 2 } };

        Assert.Equal(0UL, PortDropCounts.Of(port).Single(d => d.Reason == "rx_dropped").Packets);
    }

    [Fact]
    public void Of_AnyPort_NamesEachReasonOnce()
    {
        string[] reasons = [.. PortDropCounts.Of(default).Select(d => d.Reason)];

        Assert.Equal(DropReasons.Count + 4, reasons.Distinct().Count());
        Assert.Equal(reasons.Length, reasons.Distinct().Count());
    }

    [Fact]
    public void Of_VhostPort_HasNoReasonsOfTheKernel()
    {
        var port = new PortSlot { Identity = new PortIdentity { Kind = (uint)PortKind.Vhost } };

        Assert.Equal(DropReasons.Count, PortDropCounts.Of(port).Count());
    }
}
