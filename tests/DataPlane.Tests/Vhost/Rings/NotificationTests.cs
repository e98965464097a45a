using Microsoft.Win32.SafeHandles;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Rings;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Rings;

// G01 to G05, G07 to G09, H08, M02, M05: who is told what, and when not.
public class NotificationTests
{
    private const ulong Events = VirtioFeatures.EventIndex;

    // Exhaustive over an event anywhere around a step of up to 5, at both ends of the numbers.
    [Fact]
    public void IsReached_EveryEventAroundAStep_IsWhetherItWasStepped()
    {
        foreach (ushort before in (ushort[])[0, 5, 32766, 65530, 65535])
        {
            for (ushort step = 0; step <= 5; step++)
            {
                ushort now = (ushort)(before + step);
                for (int wanted = 0; wanted < 65536; wanted++)
                {
                    bool isStepped = (ushort)(wanted - before) < step;
                    Assert.Equal(isStepped, RingEvents.IsReached((ushort)wanted, now, before));
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(RingKinds.Both), MemberType = typeof(RingKinds))]
    public void Notify_DriverWantsNoSignals_GetsNone(ulong features)
    {
        using var lab = new RingLab(features);
        lab.Driver.SuppressCalls();
        Exchange(lab, 1);
        Assert.False(lab.WasCalled());
        Assert.Equal((0ul, 1ul), (lab.Ring.CallsSent, lab.Ring.CallsSuppressed));
        lab.Driver.EnableCalls();
        Exchange(lab, 1);
        Assert.True(lab.WasCalled());
        Assert.Equal((1ul, 1ul), (lab.Ring.CallsSent, lab.Ring.CallsSuppressed));
    }

    // G08, M02: one signal for a burst, and none without one.
    [Theory]
    [InlineData(RingLab.Split)]
    [InlineData(RingLab.Packed)]
    [InlineData(RingLab.Split | Events)]
    [InlineData(RingLab.Packed | Events)]
    public void Notify_BurstOf32_SignalsOnce(ulong features)
    {
        using var lab = new RingLab(features);
        lab.Driver.EnableCalls();
        Exchange(lab, 32);
        lab.Ring.Notify();
        lab.Ring.Notify();
        Assert.Equal(1ul, lab.Ring.CallsSent);
        Assert.True(lab.WasCalled());
    }

    // G03, G04 and H08: the first one after the start in any case, later exactly at the event.
    [Theory]
    [InlineData(RingLab.Split | Events, 256)]
    [InlineData(RingLab.Packed | Events, 256)]
    [InlineData(RingLab.Packed | Events, 7)]
    public void Notify_EventIndex_SignalsExactlyAtTheEvent(ulong features, uint size)
    {
        using var lab = new RingLab(features, size);
        lab.Driver.SuppressCalls();
        if (lab.Driver.IsPacked)
        {
            SetEvent(lab, 5);
        }

        Exchange(lab, 1);
        Assert.True(lab.WasCalled());
        var random = new Random(1);
        for (int round = 0; round < 3000; round++)
        {
            int ahead = random.Next(0, (int)size);
            SetEvent(lab, ahead);
            int used = random.Next(1, (int)Math.Min(size, 64));
            Exchange(lab, used);
            Assert.True((ahead < used) == lab.WasCalled(), $"event {ahead} ahead, {used} used");
        }
    }

    [Theory]
    [InlineData(RingLab.Split | VirtioFeatures.NotifyOnEmpty)]
    [InlineData(RingLab.Packed | VirtioFeatures.NotifyOnEmpty)]
    public void Notify_OnEmptyNegotiated_SignalsWhenNothingIsLeft(ulong features)
    {
        using var lab = new RingLab(features);
        lab.Driver.SuppressCalls();
        lab.Driver.OfferBuffer(100, out _);
        lab.Driver.OfferBuffer(100, out _);
        lab.Deliver(RingLab.Frame(1, 60));
        lab.Ring.Notify();
        Assert.False(lab.WasCalled());
        lab.Deliver(RingLab.Frame(1, 60));
        lab.Ring.Notify();
        Assert.True(lab.WasCalled());
    }

    // G09, and worse: the front-end, which has the same open file, fills the count and makes writes wait.
    [Theory]
    [MemberData(nameof(RingKinds.Both), MemberType = typeof(RingKinds))]
    public async Task Notify_CountFullAndWritesMadeToWait_Returns(ulong features)
    {
        using var lab = new RingLab(features);
        using EventFd theirs = lab.Driver.Call!;
        lab.Driver.Call = EventFd.Adopt(theirs.Descriptor.Duplicate());
        lab.Restart();
        theirs.Descriptor.Write(BitConverter.GetBytes(ulong.MaxValue - 1));
        theirs.Descriptor.SetNonBlocking(false);
        lab.Driver.OfferBuffer(100, out _);
        lab.Deliver(RingLab.Frame(1, 60));
        var worker = Task.Run(lab.Ring.Notify);
        try
        {
            Assert.Same(worker, await Task.WhenAny(worker, Task.Delay(TimeSpan.FromSeconds(30))));
            Assert.Equal(1ul, lab.Ring.CallsSent);
        }
        finally
        {
            theirs.TryDrain(); // lets go whoever waits
        }
    }

    // VHOST_VRING_NOFD: nothing to write to.
    [Theory]
    [MemberData(nameof(RingKinds.Both), MemberType = typeof(RingKinds))]
    public void Notify_WithoutDescriptor_IsQuiet(ulong features)
    {
        using var lab = new RingLab(features);
        lab.Driver.Call!.Dispose();
        lab.Driver.Call = null;
        lab.Restart();
        Exchange(lab, 3);
        Assert.Equal(0ul, lab.Ring.CallsSent);
    }

    [Theory]
    [MemberData(nameof(RingKinds.Both), MemberType = typeof(RingKinds))]
    public void Notify_CounterFull_DoesNotBlock(ulong features)
    {
        using var lab = new RingLab(features);
        lab.Driver.EnableCalls();
        Fill(lab.Driver.Call!);
        Exchange(lab, 1);
        Assert.Equal(1ul, lab.Ring.CallsSent);
    }

    // G07, M05: while it polls, the driver never has to kick; asked for, it has to with the next buffer.
    [Theory]
    [InlineData(RingLab.Split)]
    [InlineData(RingLab.Packed)]
    [InlineData(RingLab.Split | Events)]
    [InlineData(RingLab.Packed | Events)]
    public void EnableKicks_ThenABuffer_DriverMustKick(ulong features)
    {
        using var lab = new RingLab(features);
        lab.Driver.OfferBuffer(100, out _);
        lab.Driver.MustKick();
        lab.Ring.DisableKicks();
        for (int i = 0; i < 10; i++)
        {
            lab.Driver.OfferBuffer(100, out _);
            Assert.False(lab.Driver.MustKick());
            lab.Deliver(RingLab.Frame(i, 60));
        }

        Assert.False(lab.Ring.EnableKicks());
        lab.Deliver(RingLab.Frame(0, 60));
        Assert.True(lab.Ring.EnableKicks());
        lab.Driver.OfferBuffer(100, out _);
        Assert.True(lab.Driver.MustKick());
    }

    [Fact]
    public void Split_PollingWithEventIndex_WritesNoEventAndNoFlag()
    {
        using var lab = new RingLab(RingLab.Split | Events);
        lab.SplitSide.AvailableEvent = 0x1234;
        lab.Ring.DisableKicks();
        Exchange(lab, 30);
        Assert.Equal((0x1234, 0), (lab.SplitSide.AvailableEvent, lab.SplitSide.UsedFlags));
    }

    private static void SetEvent(RingLab lab, int ahead)
    {
        if (!lab.Driver.IsPacked)
        {
            lab.SplitSide.UsedEvent = (ushort)(lab.SplitSide.UsedIndex + ahead);
            return;
        }

        PackedDriver driver = lab.PackedSide;
        var at = new PackedPosition(driver.TakePosition, driver.TakeWrap).Plus((uint)ahead, driver.Size);
        driver.DriverEvent = (ushort)at.Word;
        driver.DriverFlags = 2;
    }

    // Offers buffers, has them filled, signals, takes them back.
    private static void Exchange(RingLab lab, int count)
    {
        ulong address = GuestRam.Start + (3 << 20);
        for (int i = 0; i < count; i++)
        {
            lab.Driver.Add([new Piece(address, 100, Writable: true)]);
        }

        lab.Driver.Publish();
        lab.Deliver([.. Enumerable.Repeat(RingLab.Frame(1, 60), count)]);
        lab.Ring.Notify();
        Assert.Equal(count, lab.Driver.TakeAll().Count);
    }

    private static unsafe void Fill(EventFd call)
    {
        ulong most = 0xfffffffffffffffe;
        nint number = nint.Parse(Path.GetFileName(call.Descriptor.OwnPath));
        using var handle = new SafeFileHandle(number, ownsHandle: false);
        RandomAccess.Write(handle, new ReadOnlySpan<byte>(&most, 8), 0);
    }
}
