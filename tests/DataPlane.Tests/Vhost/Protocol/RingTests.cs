using Nf.DataPlane.Tests.Vhost.Protocol.Support;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Protocol;
using Nf.DataPlane.Vhost.Rings;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Protocol;

/// <summary>What is said about single rings, and when they run.</summary>
public class RingTests
{
    private const ulong NoDescriptor = 0x100;

    /// <summary>The five messages that set a ring up, in every order.</summary>
    public static TheoryData<string> Orders => new(Permutations("NBACK"));

    [Theory] // E01
    [InlineData(2u)]
    [InlineData(255u)]
    [InlineData(0xffffffffu)]
    public void Index_OutOfRange_IsRefusedEverywhere(uint index)
    {
        using var rig = SessionRig.Negotiated();
        rig.Nacked(VhostRequest.SET_VRING_NUM, Messages.State(index, 256));
        rig.Nacked(VhostRequest.SET_VRING_BASE, Messages.State(index, 0));
        rig.Nacked(VhostRequest.SET_VRING_ADDR, Messages.Payload(new VringAddressPayload(index, 0, 0, 0, 0, 0)));
        rig.Nacked(VhostRequest.SET_VRING_ENABLE, Messages.State(index, 1));
        if (index <= 255)
        {
            rig.Nacked(VhostRequest.SET_VRING_KICK, Messages.Number(index | NoDescriptor));
            rig.Nacked(VhostRequest.SET_VRING_CALL, Messages.Number(index), rig.NewEventFd().Descriptor);
            rig.Nacked(VhostRequest.SET_VRING_ERR, Messages.Number(index), rig.NewEventFd().Descriptor);
        }

        Assert.Empty(rig.Host.Calls);
        rig.Fatal(VhostRequest.GET_VRING_BASE, Messages.State(index, 0));
    }

    [Theory] // E02
    [InlineData(0u)]
    [InlineData(3u)]
    [InlineData(32769u)]
    [InlineData(65536u)]
    [InlineData(0xffffffffu)]
    public void Size_ThatNoSplitRingHas_IsRefused(uint size)
    {
        using var rig = SessionRig.Negotiated();
        rig.Nacked(VhostRequest.SET_VRING_NUM, Messages.State(0, size));
    }

    [Fact]
    public void Size_AboveWhatTheDeviceOffers_IsRefused()
    {
        using var rig = SessionRig.Negotiated();
        rig.Host.QueueSizeMax = 1024;
        rig.Nacked(VhostRequest.SET_VRING_NUM, Messages.State(0, 2048));
        rig.Acked(VhostRequest.SET_VRING_NUM, Messages.State(0, 1024));
    }

    [Fact]
    public void Size_OfAPackedRing_NeedNotBeAPowerOfTwo()
    {
        using var rig = SessionRig.Negotiated(features: SessionRig.Features | VirtioFeatures.RingPacked);
        rig.Acked(VhostRequest.SET_VRING_NUM, Messages.State(0, 255));
    }

    [Theory] // E03
    [InlineData(8UL, 0UL, 0UL)]
    [InlineData(0UL, 1UL, 0UL)]
    [InlineData(0UL, 0UL, 2UL)]
    public void Address_Misaligned_IsRefused(ulong descriptors, ulong available, ulong used)
    {
        using var rig = SessionRig.Negotiated();
        rig.Nacked(
            VhostRequest.SET_VRING_ADDR,
            Messages.Payload(new VringAddressPayload(0, 0, descriptors, used, available, 0)));
    }

    [Fact] // E03: aligned where the front-end sees it, but not here
    public void Address_InARegionThatBeginsCrooked_DoesNotStart()
    {
        using var rig = SessionRig.Negotiated();
        GuestRam ram = rig.SendMemory(new GuestRam(offset: 8));
        SetUp(rig, ram.RingAt(0));
        Assert.False(rig.Host.AnyRunning);
        Assert.Contains("multiple of 16", rig.LastFault(), StringComparison.Ordinal);
    }

    [Theory] // E04
    [InlineData(0x10UL, 0UL, 0UL)]
    [InlineData(GuestRam.DefaultUser + 0x40_0000 - (256 * 16) + 16, 0UL, 0UL)]
    [InlineData(0UL, GuestRam.DefaultUser + 0x40_0000 - 514, 0UL)]
    [InlineData(0UL, 0UL, GuestRam.DefaultUser + 0x40_0000 - 2048)]
    [InlineData(0UL, 0UL, 0xffff_ffff_ffff_fff0UL)]
    public void Address_NotWhollyInsideARegion_DoesNotStart(ulong descriptors, ulong available, ulong used)
    {
        using var rig = SessionRig.Negotiated();
        GuestRam ram = rig.SendMemory();
        VringAddressPayload good = ram.RingAt(0);
        SetUp(rig, good with
        {
            Descriptors = descriptors == 0 ? good.Descriptors : descriptors,
            Available = available == 0 ? good.Available : available,
            Used = used == 0 ? good.Used : used,
        });
        Assert.False(rig.Host.AnyRunning);
        Assert.Contains("is not inside one memory region", rig.LastFault(), StringComparison.Ordinal);
        Assert.Equal(rig.LastFault(), "ring 0: " + rig.Session.Describe().Rings[0].Waiting);
    }

    [Fact] // E04: two regions side by side are not one mapping
    public void Address_AcrossTwoRegions_DoesNotStart()
    {
        using var rig = SessionRig.Negotiated();
        GuestRam first = rig.Own(new GuestRam());
        GuestRam second = rig.Own(new GuestRam(0x40_0000, GuestRam.DefaultUser + 0x40_0000));
        rig.Acked(VhostRequest.SET_MEM_TABLE, Messages.Table(first.Layout, second.Layout), first.File, second.File);
        SetUp(rig, first.RingAt(0) with { Descriptors = GuestRam.DefaultUser + 0x40_0000 - 0x100 });
        Assert.False(rig.Host.AnyRunning);
    }

    [Theory] // E05
    [MemberData(nameof(Orders))]
    public void Ring_SetUpInAnyOrder_StartsOnceWithAllOfIt(string order)
    {
        using var rig = SessionRig.Negotiated();
        GuestRam ram = rig.SendMemory();
        EventFd kick = rig.NewEventFd();
        EventFd call = rig.NewEventFd();
        for (int round = 0; round < 2; round++)
        {
            uint start = 7u + (uint)round;
            foreach (char step in order)
            {
                SendStep(rig, step, ram, kick, call, start);
            }

            VirtqueueSetup setup = rig.Host.Running[1]!;
            Assert.Equal((256u, start), (setup.Size, setup.Base));
            Assert.NotNull(setup.Call);
            Assert.NotNull(rig.Host.Kicks[1]);
            Assert.Equal(start, rig.Ask(VhostRequest.GET_VRING_BASE, Messages.State(1, 0)).As<VringStatePayload>().Num);
        }

        Assert.Equal(2, rig.Host.Calls.Count(call => call == "start 1"));
    }

    [Fact] // E06
    public void Ring_SetUpBeforeItsMemory_StartsWithIt()
    {
        using var rig = SessionRig.Negotiated();
        GuestRam ram = rig.Own(new GuestRam());
        SetUp(rig, ram.RingAt(0));
        Assert.Equal("there is no guest memory", rig.Session.Describe().Rings[0].Waiting);
        rig.SendMemory(ram);
        Assert.NotNull(rig.Host.Running[0]);
        Assert.Equal("", rig.Session.Describe().Rings[0].Waiting);
    }

    [Fact]
    public void Ring_SetUpBeforeFeatures_StartsWithThem()
    {
        using var rig = new SessionRig();
        GuestRam ram = rig.SendMemory();
        SetUp(rig, ram.RingAt(0));
        Assert.False(rig.Host.AnyRunning);
        rig.Send(VhostRequest.SET_FEATURES, Messages.Number(SessionRig.Features));
        Assert.NotNull(rig.Host.Running[0]);
    }

    [Fact] // E07
    public void Kick_WithoutDescriptor_StartsAPolledRing()
    {
        using var rig = SessionRig.Negotiated();
        GuestRam ram = rig.SendMemory();
        SetUp(rig, ram.RingAt(0));
        Assert.NotNull(rig.Host.Running[0]);
        Assert.Null(rig.Host.Kicks[0]);
        Assert.False(rig.Session.Describe().Rings[0].HasKick);
    }

    [Fact] // E08
    public void Call_WithoutDescriptor_TakesTheOldOneAway()
    {
        using var rig = SessionRig.Negotiated();
        rig.StartRings(0);
        rig.Acked(VhostRequest.SET_VRING_CALL, Messages.Number(NoDescriptor));
        Assert.Null(rig.Host.Running[0]!.Call);
    }

    [Theory] // E09
    [InlineData(VhostRequest.SET_VRING_KICK)]
    [InlineData(VhostRequest.SET_VRING_CALL)]
    [InlineData(VhostRequest.SET_VRING_ERR)]
    public void VringFile_ThatContradictsItself_IsRefused(object request)
    {
        using var rig = SessionRig.Negotiated();
        rig.Nacked((VhostRequest)request, Messages.Number(NoDescriptor), rig.NewEventFd().Descriptor);
        rig.Nacked((VhostRequest)request, Messages.Number(0));
        rig.Acked((VhostRequest)request, Messages.Number(0xffff_ffff_ffff_fe00), rig.NewEventFd().Descriptor);
    }

    [Fact] // E11
    public void Enable_IsZeroOrOneAndMayComeAtAnyTime()
    {
        using var rig = new SessionRig();
        rig.Send(VhostRequest.SET_VRING_ENABLE, Messages.State(0, 1)); // QEMU: before SET_FEATURES
        Assert.Equal([true, false], rig.Host.Enabled);
        rig.Send(VhostRequest.SET_PROTOCOL_FEATURES, Messages.Number(ProtocolFeatures.Offered));
        rig.Send(VhostRequest.SET_FEATURES, Messages.Number(SessionRig.Features));
        rig.StartRings(1);
        Assert.True(rig.Host.Enabled[0]);
        rig.Nacked(VhostRequest.SET_VRING_ENABLE, Messages.State(0, 2));
        rig.Acked(VhostRequest.SET_VRING_ENABLE, Messages.State(1, 0));
        Assert.Equal([true, false], rig.Host.Enabled);
        Assert.NotNull(rig.Host.Running[1]);
    }

    [Fact] // E13, E14
    public void Base_OfAStoppedRing_IsWhereItStoppedHoweverOftenAsked()
    {
        using var rig = SessionRig.Negotiated();
        rig.StartRings(0);
        rig.Host.StopsAt[0] = 4711;
        Assert.Equal(4711u, Base(rig, 0));
        Assert.Equal(4711u, Base(rig, 0));
        Assert.Equal(1, rig.Host.Calls.Count(call => call == "stop 0"));
        rig.Acked(VhostRequest.SET_VRING_BASE, Messages.State(1, 99));
        Assert.Equal(99u, Base(rig, 1));
    }

    [Fact] // E15
    public void Ring_StoppedAndSetUpAnew_HasItsNewSize()
    {
        using var rig = SessionRig.Negotiated();
        GuestRam ram = rig.StartRings(0);
        Base(rig, 0);
        rig.StartRing(ram, 0, size: 512, at: 5);
        Assert.Equal((512u, 5u), (rig.Host.Running[0]!.Size, rig.Host.Running[0]!.Base));
    }

    [Fact] // E16
    public void AddressFlags_Unknown_AreRefused()
    {
        using var rig = SessionRig.Negotiated();
        rig.Nacked(VhostRequest.SET_VRING_ADDR, Messages.Payload(new VringAddressPayload(0, 2, 0, 0, 0, 0)));
    }

    [Fact] // E17
    public void SizeAndBase_OfARunningRing_AreRefused()
    {
        using var rig = SessionRig.Negotiated();
        GuestRam ram = rig.StartRings(0);
        rig.Nacked(VhostRequest.SET_VRING_NUM, Messages.State(0, 256));
        rig.Nacked(VhostRequest.SET_VRING_BASE, Messages.State(0, 0));
        rig.Nacked(VhostRequest.SET_VRING_ADDR, Messages.Payload(ram.RingAt(2) with { Index = 0 }));
        Assert.Equal(3UL, rig.Faults.Count(VhostFaultKind.BadState));
    }

    [Theory] // E18
    [InlineData(65535u, true)]
    [InlineData(65536u, false)]
    [InlineData(0xffffffffu, false)]
    public void Base_OfASplitRing_HasSixteenBits(uint value, bool legal)
    {
        using var rig = SessionRig.Negotiated();
        Action<VhostRequest, byte[], FileDescriptor[]> expect = legal ? rig.Acked : rig.Nacked;
        expect(VhostRequest.SET_VRING_BASE, Messages.State(0, value), []);
    }

    [Theory]
    [InlineData(0x8000u, 0x8000_8000u)] // virtio-user sends one position only
    [InlineData(0x8005u, 0x8005_8005u)]
    [InlineData(0x8006_0005u, 0x8006_0005u)]
    [InlineData(0x0003_8003u, 0x0003_8003u)]
    public void Base_OfAPackedRing_HasBothPositions(uint sent, uint used)
    {
        using var rig = SessionRig.Negotiated(features: SessionRig.Features | VirtioFeatures.RingPacked);
        rig.StartRing(rig.SendMemory(), 0, size: 100, at: sent);
        Assert.Equal(used, rig.Host.Running[0]!.Base);
    }

    [Theory]
    [InlineData(100u)]
    [InlineData(0x8064u)]
    [InlineData(0x0064_0000u)]
    public void Base_OfAPackedRingOutsideIt_IsRefused(uint value)
    {
        using var rig = SessionRig.Negotiated(features: SessionRig.Features | VirtioFeatures.RingPacked);
        rig.Acked(VhostRequest.SET_VRING_NUM, Messages.State(0, 100));
        rig.Nacked(VhostRequest.SET_VRING_BASE, Messages.State(0, value));
    }

    [Fact] // E19, as far as messages go: the new one is signalled once, since a signal may have gone to the old one
    public void Call_SwappedOnARunningRing_IsTakenAndSignalled()
    {
        using var rig = SessionRig.Negotiated();
        rig.StartRings(0);
        EventFd call = rig.NewEventFd();
        rig.Acked(VhostRequest.SET_VRING_CALL, Messages.Number(0), call.Descriptor);
        Assert.Equal("replace 0", rig.Host.Calls[^1]);
        Assert.True(call.TryDrain());
    }

    [Fact] // E21
    public void Ring_OfTheLargestSize_Starts()
    {
        using var rig = SessionRig.Negotiated();
        GuestRam ram = rig.SendMemory();
        rig.Acked(VhostRequest.SET_VRING_NUM, Messages.State(0, 32768));
        rig.Acked(VhostRequest.SET_VRING_BASE, Messages.State(0, 0));
        ulong start = ram.Layout.UserAddress;
        rig.Acked(
            VhostRequest.SET_VRING_ADDR,
            Messages.Payload(new VringAddressPayload(0, 0, start, start + 0x10_0000, start + 0x8_0000, 0)));
        rig.Acked(VhostRequest.SET_VRING_KICK, Messages.Number(NoDescriptor));
        Assert.Equal(32768u, rig.Host.Running[0]!.Size);
    }

    [Fact]
    public void RingFault_IsCountedOnceAndSignalledAndEndsWithAStop()
    {
        using var rig = SessionRig.Negotiated();
        rig.StartRings(0);
        EventFd error = rig.NewEventFd();
        rig.Acked(VhostRequest.SET_VRING_ERR, Messages.Number(0), error.Descriptor);
        rig.Session.OnRingFault(0, RingFault.HeadOutOfRange, "head 999 of 256");
        rig.Session.OnRingFault(0, RingFault.HeadOutOfRange, "head 999 of 256");
        Assert.Equal(1UL, rig.Faults.Count(VhostFaultKind.Ring));
        Assert.Equal(RingFault.HeadOutOfRange, rig.Session.Describe().Rings[0].Fault);
        Assert.True(error.TryDrain());
        Base(rig, 0);
        Assert.Equal(RingFault.None, rig.Session.Describe().Rings[0].Fault);
    }

    private static uint Base(SessionRig rig, uint ring)
    {
        var state = rig.Ask(VhostRequest.GET_VRING_BASE, Messages.State(ring, 0)).As<VringStatePayload>();
        Assert.Equal(ring, state.Index);
        return state.Num;
    }

    private static void SetUp(SessionRig rig, VringAddressPayload address)
    {
        rig.Send(VhostRequest.SET_VRING_NUM, Messages.State(address.Index, 256));
        rig.Send(VhostRequest.SET_VRING_BASE, Messages.State(address.Index, 0));
        rig.Send(VhostRequest.SET_VRING_ADDR, Messages.Payload(address));
        rig.Send(VhostRequest.SET_VRING_KICK, Messages.Number(address.Index | NoDescriptor));
        Assert.True(rig.Session.EndReason is null, rig.Session.EndReason);
    }

    private static void SendStep(SessionRig rig, char step, GuestRam ram, EventFd kick, EventFd call, uint start)
    {
        switch (step)
        {
            case 'N':
                rig.Acked(VhostRequest.SET_VRING_NUM, Messages.State(1, 256));
                break;
            case 'B':
                rig.Acked(VhostRequest.SET_VRING_BASE, Messages.State(1, start));
                break;
            case 'A':
                rig.Acked(VhostRequest.SET_VRING_ADDR, Messages.Payload(ram.RingAt(1)));
                break;
            case 'C':
                rig.Acked(VhostRequest.SET_VRING_CALL, Messages.Number(1), call.Descriptor);
                break;
            default:
                rig.Acked(VhostRequest.SET_VRING_KICK, Messages.Number(1), kick.Descriptor);
                break;
        }
    }

    private static IEnumerable<string> Permutations(string letters) => letters.Length == 1
        ? [letters]
        : letters.SelectMany((c, i) => Permutations(letters.Remove(i, 1)).Select(rest => c + rest));
}
