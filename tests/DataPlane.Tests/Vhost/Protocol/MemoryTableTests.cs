using Nf.DataPlane.Tests.Vhost.Protocol.Support;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Memory;
using Nf.DataPlane.Vhost.Protocol;
using Nf.DataPlane.Vhost.Session;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Protocol;

/// <summary>SET_MEM_TABLE, ADD_MEM_REG and REM_MEM_REG, and what becomes of running rings.</summary>
public class MemoryTableTests
{
    private const ulong Size = 0x40_0000;

    public static TheoryData<string, ulong, ulong, ulong, ulong> BadRegions => new()
    {
        { "size 0", 0, 0, 0x1000, 0 },
        { "guest address wraps", ulong.MaxValue - 0xfff, 0x2000, 0x1000, 0 },
        { "user address wraps", 0, 0x2000, ulong.MaxValue - 0xfff, 0 },
        { "file offset wraps", 0, 0x2000, 0x1000, ulong.MaxValue - 0xfff },
        { "beyond the file", 0, Size + 1, 0x1000, 0 },
        { "beyond the file with its offset", 0, Size, 0x1000, 1 },
    };

    [Theory] // D01
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public void Table_OfAnyLegalCount_IsMapped(int count)
    {
        using var rig = SessionRig.Negotiated();
        GuestRam[] rams = Rams(rig, count);
        rig.Acked(VhostRequest.SET_MEM_TABLE, Messages.Table(Layouts(rams)), Files(rams));
        Assert.Equal(Layouts(rams), rig.Regions);
        Assert.Equal(count, rig.Watch.Mapped());
    }

    [Fact] // D02
    public void Table_OfNoRegion_IsRefusedAndTheOldStays()
    {
        using var rig = SessionRig.Negotiated();
        rig.SendMemory();
        rig.Nacked(VhostRequest.SET_MEM_TABLE, Messages.Table());
        Assert.Single(rig.Regions);
    }

    [Fact] // D02
    public void Table_OfNineRegions_IsRefused()
    {
        using var rig = SessionRig.Negotiated();
        GuestRam[] rams = Rams(rig, 9);
        rig.Nacked(VhostRequest.SET_MEM_TABLE, Messages.Table(Layouts(rams)), Files(rams)[..8]);
    }

    [Theory] // D02
    [InlineData(0xffffffffu)]
    [InlineData(2u)]
    [InlineData(0u)]
    public void Table_WhoseCountIsNotItsSize_EndsConnection(uint count)
    {
        using var rig = SessionRig.Negotiated();
        GuestRam ram = rig.Own(new GuestRam());
        rig.Fatal(VhostRequest.SET_MEM_TABLE, Messages.Table(count, 0, ram.Layout), ram.File);
    }

    [Theory] // D03, D04, D06
    [MemberData(nameof(BadRegions))]
    public void Region_ThatCannotBe_IsRefusedByTableAndByAdd(
        string why, ulong guest, ulong size, ulong user, ulong offset)
    {
        using var rig = SessionRig.Negotiated();
        GuestRam ram = rig.Own(new GuestRam(bytes: Size));
        var layout = new GuestRegionLayout(guest, size, user, offset);
        rig.Nacked(VhostRequest.SET_MEM_TABLE, Messages.Table(layout), ram.File);
        rig.Nacked(VhostRequest.ADD_MEM_REG, Messages.SingleRegion(layout), ram.File);
        Assert.True(rig.Regions.Count == 0, why);
        Assert.Equal(2UL, rig.Faults.Count(VhostFaultKind.BadMemory));
    }

    [Theory] // D05, D13
    [InlineData(0x1000UL, 0x800_0000UL, false)] // same guest addresses
    [InlineData(0x800_0000UL, 0x7f00_0000_1000UL, false)] // same user addresses
    [InlineData(Size, GuestRam.DefaultUser + Size, true)] // side by side
    public void SecondRegion_MayTouchTheFirstButNotOverlap(ulong guest, ulong user, bool legal)
    {
        using var rig = SessionRig.Negotiated();
        GuestRam first = rig.Own(new GuestRam());
        GuestRam second = rig.Own(new GuestRam(guest, user));
        byte[] table = Messages.Table(first.Layout, second.Layout);
        Action<VhostRequest, byte[], FileDescriptor[]> expect = legal ? rig.Acked : rig.Nacked;
        expect(VhostRequest.SET_MEM_TABLE, table, [first.File, second.File]);
        rig.Acked(VhostRequest.SET_MEM_TABLE, Messages.Table(first.Layout), first.File);
        expect(VhostRequest.ADD_MEM_REG, Messages.SingleRegion(second.Layout), [second.File]);
    }

    [Fact]
    public void Table_WithPadding_IsRefused()
    {
        using var rig = SessionRig.Negotiated();
        GuestRam ram = rig.Own(new GuestRam());
        rig.Nacked(VhostRequest.SET_MEM_TABLE, Messages.Table(1, 7, ram.Layout), ram.File);
    }

    [Fact] // D09
    public void Table_SentAgain_LeavesRingsAlone()
    {
        using var rig = SessionRig.Negotiated();
        GuestRam ram = rig.StartRings(0, 1);
        int calls = rig.Host.Calls.Count;
        rig.Acked(VhostRequest.SET_MEM_TABLE, Messages.Table(ram.Layout), ram.File);
        Assert.Equal(calls, rig.Host.Calls.Count);
        Assert.Equal(1, rig.Watch.Mapped());
    }

    [Fact] // D10
    public unsafe void Table_ThatMovesTheRings_IsFollowed()
    {
        using var rig = SessionRig.Negotiated();
        GuestRam ram = rig.StartRings(0);
        nint before = (nint)rig.Host.Running[0]!.Descriptors;
        GuestRam other = rig.Own(new GuestRam());
        rig.Acked(VhostRequest.SET_MEM_TABLE, Messages.Table(other.Layout), other.File);
        Assert.NotEqual(before, (nint)rig.Host.Running[0]!.Descriptors);
        Assert.Equal("replace 0", rig.Host.Calls[^1]);
        Assert.Equal(1, rig.Watch.Mapped());
        _ = ram;
    }

    [Fact] // D10, D14
    public void Region_OfARunningRing_Removed_StopsItAndItComesBackWhereItWas()
    {
        using var rig = SessionRig.Negotiated();
        GuestRam ram = rig.StartRings(0);
        rig.Host.StopsAt[0] = 77;
        rig.Acked(VhostRequest.REM_MEM_REG, Messages.SingleRegion(ram.Layout));
        Assert.Null(rig.Host.Running[0]);
        Assert.Contains("no guest memory", WaitingOf(rig, 0) + "no guest memory", StringComparison.Ordinal);
        Assert.Equal(0, rig.Watch.Mapped());
        rig.Acked(VhostRequest.ADD_MEM_REG, Messages.SingleRegion(ram.Layout), ram.File);
        Assert.Equal(77u, rig.Host.Running[0]!.Base);
    }

    [Fact] // D10
    public void Table_WithoutTheRings_StopsThemUntilTheirMemoryIsBack()
    {
        using var rig = SessionRig.Negotiated();
        GuestRam ram = rig.StartRings(0, 1);
        GuestRam other = rig.Own(new GuestRam(guest: 0x1000_0000, user: 0x1000_0000));
        rig.Acked(VhostRequest.SET_MEM_TABLE, Messages.Table(other.Layout), other.File);
        Assert.False(rig.Host.AnyRunning);
        Assert.Contains("not inside one memory region", WaitingOf(rig, 1), StringComparison.Ordinal);
        rig.Acked(VhostRequest.SET_MEM_TABLE, Messages.Table(ram.Layout, other.Layout), ram.File, other.File);
        Assert.NotNull(rig.Host.Running[0]);
        Assert.NotNull(rig.Host.Running[1]);
    }

    [Fact] // D11
    public void Table_WhoseSecondRegionFails_LeavesTheOldAndTheRings()
    {
        using var rig = SessionRig.Negotiated();
        GuestRam ram = rig.StartRings(0);
        GuestRam tooShort = rig.Own(new GuestRam(guest: 0x1000_0000, user: 0x1000_0000, fileBytes: 4096));
        int calls = rig.Host.Calls.Count;
        rig.Nacked(
            VhostRequest.SET_MEM_TABLE, Messages.Table(ram.Layout, tooShort.Layout), ram.File, tooShort.File);
        Assert.Equal([ram.Layout], rig.Regions);
        Assert.Equal(calls, rig.Host.Calls.Count);
        Assert.Equal(1, rig.Watch.Mapped());
    }

    [Fact] // D12
    public void Slots_AreAsManyAsToldAndNotOneMore()
    {
        using var rig = SessionRig.Negotiated();
        int slots = (int)rig.Ask(VhostRequest.GET_MAX_MEM_SLOTS).Number;
        Assert.Equal(VhostSession.MemorySlots, slots);
        GuestRam[] rams = Rams(rig, slots + 1);
        foreach (GuestRam ram in rams[..slots])
        {
            rig.Acked(VhostRequest.ADD_MEM_REG, Messages.SingleRegion(ram.Layout), ram.File);
        }

        rig.Nacked(VhostRequest.ADD_MEM_REG, Messages.SingleRegion(rams[slots].Layout), rams[slots].File);
        Assert.Equal(slots, rig.Watch.Mapped());
    }

    [Fact] // D13
    public void Remove_MatchesEverythingButTheFileOffset()
    {
        using var rig = SessionRig.Negotiated();
        GuestRegionLayout layout = rig.SendMemory().Layout;
        rig.Nacked(VhostRequest.REM_MEM_REG, Messages.SingleRegion(layout with { GuestAddress = 0x1000 }));
        rig.Nacked(VhostRequest.REM_MEM_REG, Messages.SingleRegion(layout with { SizeBytes = 0x1000 }));
        rig.Nacked(VhostRequest.REM_MEM_REG, Messages.SingleRegion(layout with { UserAddress = 0x1000 }));
        rig.Acked(VhostRequest.REM_MEM_REG, Messages.SingleRegion(layout with { FileOffset = 0x1000 }));
        Assert.Empty(rig.Regions);
        rig.Nacked(VhostRequest.REM_MEM_REG, Messages.SingleRegion(layout));
    }

    [Fact] // D15
    public void Table_AfterAdd_ReplacesEverything()
    {
        using var rig = SessionRig.Negotiated();
        GuestRam[] rams = Rams(rig, 3);
        rig.Acked(VhostRequest.ADD_MEM_REG, Messages.SingleRegion(rams[0].Layout), rams[0].File);
        rig.Acked(VhostRequest.ADD_MEM_REG, Messages.SingleRegion(rams[1].Layout), rams[1].File);
        rig.Acked(VhostRequest.SET_MEM_TABLE, Messages.Table(rams[2].Layout), rams[2].File);
        Assert.Equal([rams[2].Layout], rig.Regions);
        Assert.Equal(1, rig.Watch.Mapped());
    }

    [Fact]
    public void Add_LeavesRunningRingsRunning()
    {
        using var rig = SessionRig.Negotiated();
        rig.StartRings(0, 1);
        GuestRam more = rig.Own(new GuestRam(guest: 0x1000_0000, user: 0x1000_0000));
        rig.Acked(VhostRequest.ADD_MEM_REG, Messages.SingleRegion(more.Layout), more.File);
        Assert.Equal(2, rig.Host.Running[0]!.Memory.Regions.Count);
        Assert.DoesNotContain("stop 0", rig.Host.Calls);
    }

    private static string WaitingOf(SessionRig rig, int ring) => rig.Session.Describe().Rings[ring].Waiting;

    private static GuestRam[] Rams(SessionRig rig, int count) =>
    [
        .. Enumerable.Range(0, count).Select(i => rig.Own(
            new GuestRam((ulong)i * 0x10_0000, GuestRam.DefaultUser + ((ulong)i * 0x20_0000), 0x1000)))
    ];

    private static GuestRegionLayout[] Layouts(GuestRam[] rams) => [.. rams.Select(ram => ram.Layout)];

    private static FileDescriptor[] Files(GuestRam[] rams) => [.. rams.Select(ram => ram.File)];
}
