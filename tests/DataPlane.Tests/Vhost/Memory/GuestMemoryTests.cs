using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Memory;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Memory;

public sealed unsafe class GuestMemoryTests : IDisposable
{
    private const ulong Page = 4096;
    private const int FilePages = 64;
    private readonly Leaks _leaks = new();
    private readonly FileDescriptor _file;

    public GuestMemoryTests() => _file = _leaks.File(FilePages * (long)Page);

    public void Dispose()
    {
        _file.Dispose();
        _leaks.AssertNone();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    [InlineData(32)]
    public void Translate_EveryRegion_FindsItsBytes(int count)
    {
        Write(0, FilePages * (int)Page);

        // Given in the wrong order, with gaps of a page between them.
        var regions = Enumerable.Range(0, count).Reverse()
            .Select(i => Region((ulong)i * 2, 1, (ulong)i + 100, (ulong)i));
        using GuestMemory memory = GuestMemory.Map([.. regions.Select(layout => (layout, _file))]);
        Assert.Equal(count, memory.Count);
        Assert.Equal(memory.Regions.OrderBy(region => region.GuestAddress), memory.Regions);
        int hint = 0;
        for (ulong i = 0; i < (ulong)count; i++)
        {
            foreach (ulong at in (ulong[])[0, 1, Page - 1])
            {
                byte* found = memory.Translate((2 * i * Page) + at, 10, ref hint, out uint contiguous);
                Assert.Equal(Expected((i * Page) + at), *found);
                Assert.Equal((uint)Math.Min(10, Page - at), contiguous);
                Assert.Equal((int)i, hint);
                Assert.True(found == memory.Translate((2 * i * Page) + at, 10, out _));
                Assert.True(found == memory.TranslateUser(((i + 100) * Page) + at, 1));
                Assert.Equal((2 * i * Page) + at, memory.GuestAddressOfUser(((i + 100) * Page) + at));
            }

            Assert.True(memory.Translate(((2 * i) + 1) * Page, 1, ref hint, out uint none) == null);
            Assert.Equal(0u, none);
        }
    }

    public static TheoryData<ulong, uint, uint> Ranges => new()
    {
        { 4 * Page, 1, 1 },
        { 4 * Page, 0, 0 },
        { 4 * Page, (uint)Page, (uint)Page },
        { 4 * Page, uint.MaxValue, 2 * (uint)Page },
        { (6 * Page) - 1, 1, 1 },
        { (6 * Page) - 1, 2, 1 },
        { 6 * Page, 1, 0 },
        { (4 * Page) - 1, 1, 0 },
        { (4 * Page) - 1, 2, 0 },
        { 0, 1, 0 },
        { ulong.MaxValue, 1, 0 },
        { ulong.MaxValue, uint.MaxValue, 0 },
        { ulong.MaxValue - Page, uint.MaxValue, 0 },
    };

    [Theory]
    [MemberData(nameof(Ranges))]
    public void Translate_AnyRange_GivesWhatIsMappedOfIt(ulong address, uint length, uint expected)
    {
        using GuestMemory memory = GuestMemory.Map([(Region(4, 2, 4, 0), _file)]);
        foreach (int start in (int[])[0, 1, -1, int.MaxValue, int.MinValue])
        {
            int hint = start;
            byte* found = memory.Translate(address, length, ref hint, out uint contiguous);
            Assert.Equal(expected, contiguous);
            Assert.Equal(expected != 0, found != null);
            bool whole = length != 0 && expected == length;
            Assert.Equal(whole, memory.TranslateUser(address, length) != null);
        }
    }

    [Fact]
    public void TranslateUser_LengthThatWraps_IsNowhere()
    {
        using GuestMemory memory = GuestMemory.Map([(Region(0, 1, 1, 0), _file)]);
        Assert.True(memory.TranslateUser(Page + 8, ulong.MaxValue) == null);
        Assert.True(memory.TranslateUser(Page, Page) != null);
        Assert.True(memory.TranslateUser(Page, Page + 1) == null);
        Assert.Null(memory.GuestAddressOfUser(2 * Page));
        Assert.Null(memory.GuestAddressOfUser(0));
    }

    // A buffer across two regions that touch for the guest: in our mappings the second may be anywhere.
    [Fact]
    public void Translate_BufferAcrossAdjacentRegions_IsFoundPieceByPiece()
    {
        Write(0, FilePages * (int)Page);
        using GuestMemory memory = GuestMemory.Map([(Region(0, 1, 0, 9), _file), (Region(1, 1, 1, 3), _file)]);
        byte* first = memory.Translate(Page - 5, 12, out uint here);
        byte* second = memory.Translate(Page, 12 - here, out uint there);
        Assert.Equal((5u, 7u), (here, there));
        Assert.Equal(Expected((10 * Page) - 5), *first);
        Assert.Equal(Expected(3 * Page), *second);
    }

    [Theory]
    [InlineData(0x1001)]
    [InlineData(0x0fff)]
    [InlineData(1)]
    [InlineData(0x123)]
    public void Map_OffsetInsideAPage_IsMappedFromThere(ulong offset)
    {
        Write(0, FilePages * (int)Page);
        using GuestMemory memory = GuestMemory.Map([(new(0, 3 * Page, 0, offset), _file)]);
        Assert.Equal(Expected(offset), *memory.Translate(0, 1, out _));
        Assert.Equal(Expected(offset + (3 * Page) - 1), *memory.Translate((3 * Page) - 1, 1, out _));
    }

    [Fact]
    public void Map_WholeOfTheFile_IsLegal()
    {
        using GuestMemory memory = GuestMemory.Map([(Region(0, FilePages, 0, 0), _file)]);
        *memory.Translate((FilePages * Page) - 1, 1, out _) = 1;
        Assert.False(memory.IsLost);
    }

    [Fact]
    public void Replace_EqualTable_KeepsItsMappings()
    {
        (GuestRegionLayout, FileDescriptor)[] table = [(Region(0, 1, 0, 0), _file), (Region(1, 1, 1, 1), _file)];
        GuestMemory before = GuestMemory.Map(table);
        byte* address = before.Translate(0, 1, out _);
        using FileDescriptor other = _file.Duplicate();
        using GuestMemory after = before.Replace([.. table.Select(region => (region.Item1, other))]);
        Assert.True(after.Translate(0, 1, out _) == address);
        Assert.Equal(2, _leaks.Mappings);
        before.Dispose();
        before.Dispose();
        Assert.Equal(2, _leaks.Mappings);
        *address = 1;
        Assert.Equal(1, *after.Translate(0, 1, out _));
    }

    [Fact]
    public void Replace_OtherPartOrFile_MapsAnew()
    {
        using GuestMemory before = GuestMemory.Map([(Region(0, 2, 0, 0), _file)]);
        using FileDescriptor second = _leaks.File(FilePages * (long)Page);
        foreach ((GuestRegionLayout layout, FileDescriptor file) in ((GuestRegionLayout, FileDescriptor)[])
            [(Region(0, 2, 0, 1), _file), (Region(0, 1, 0, 0), _file), (Region(0, 2, 0, 0), second)])
        {
            using GuestMemory after = before.Replace([(layout, file)]);
            Assert.True(after.Translate(0, 1, out _) != before.Translate(0, 1, out _));
            Assert.Equal(2, _leaks.Mappings);
        }
    }

    [Fact]
    public void Replace_SecondRefused_OldTableIsIntact()
    {
        using GuestMemory before = GuestMemory.Map([(Region(0, 1, 0, 0), _file)]);
        Assert.Throws<VhostRefusedException>(
            () => before.Replace([(Region(0, 1, 0, 0), _file), (Region(1, FilePages, 1, 1), _file)]));
        *before.Translate(0, 1, out _) = 1;
        Assert.Equal((2, 1), (_leaks.Descriptors, _leaks.Mappings));
    }

    // Slots are the caller's to count; here: every table of a row of changes stays whole, and shares what it can.
    [Fact]
    public void WithAndWithout_RowOfChanges_ShareMappings()
    {
        var tables = new List<GuestMemory> { GuestMemory.Empty };
        for (ulong i = 0; i < 32; i++)
        {
            tables.Add(tables[^1].With(Region(31 - i, 1, 31 - i, i), _file));
        }

        Assert.Equal(32, _leaks.Mappings);
        for (ulong i = 0; i < 32; i++)
        {
            tables.Add(tables[^1].Without(Region(i, 1, i, 999)));
        }

        Assert.Equal(32, _leaks.Mappings);
        Assert.Equal(0, tables[^1].Count);
        Assert.Equal(32, tables[32].Count);
        *tables[32].Translate(5 * Page, 1, out _) = 77;
        Assert.Equal(77, *tables[33].Translate(5 * Page, 1, out _));
        tables.ForEach(table => table.Dispose());
        Assert.Equal((1, 0), (_leaks.Descriptors, _leaks.Mappings));
    }

    [Fact]
    public void Files_AreDescriptorsOfTheRegionsInOrder()
    {
        using FileDescriptor second = _leaks.File(FilePages * (long)Page);
        using GuestMemory memory = GuestMemory.Map([(Region(1, 1, 1, 0), second), (Region(0, 1, 0, 0), _file)]);
        Assert.True(memory.Files[0].IsSameFile(_file));
        Assert.True(memory.Files[1].IsSameFile(second));
    }

    [Fact]
    public void Empty_HasNothing()
    {
        GuestMemory.Empty.Dispose();
        Assert.Empty(GuestMemory.Empty.Regions);
        Assert.True(GuestMemory.Empty.Translate(0, 1, out _) == null);
        Assert.True(GuestMemory.Empty.TranslateUser(0, 1) == null);
        Assert.False(GuestMemory.Empty.IsLost);
    }

    [Fact]
    public void Map_LeftOutOfCoreDumps()
    {
        using GuestMemory memory = GuestMemory.Map([(Region(0, 1, 0, 0), _file)]);
        string[] lines = File.ReadAllLines("/proc/self/smaps");
        string start = $"{(ulong)memory.Table->HostBase:x}-";
        int at = Array.FindIndex(lines, line => line.StartsWith(start, StringComparison.Ordinal));
        string flags = lines.Skip(at).First(line => line.StartsWith("VmFlags:", StringComparison.Ordinal));
        Assert.Contains(" dd", flags, StringComparison.Ordinal);
    }

    // The policy: the front-end loses its memory, we lose nothing, and a new table of it is mapped anew.
    [Fact]
    public void File_ShrinksUnderUs_OnlyItsTableIsLost()
    {
        using FileDescriptor other = _leaks.File(FilePages * (long)Page);
        using GuestMemory neighbour = GuestMemory.Map([(Region(0, 4, 0, 0), other)]);
        using GuestMemory memory = GuestMemory.Map([(Region(0, 4, 0, 0), _file), (Region(4, 4, 4, 4), _file)]);
        using GuestMemory shares = memory.Without(Region(0, 4, 0, 0));
        using GuestMemory spared = memory.Without(Region(4, 4, 4, 0));
        _file.Truncate(4 * (long)Page);
        Assert.False(memory.IsLost);
        *memory.Translate(5 * Page, 1, out _) = 1;
        Assert.Equal(
            (true, true, false, false), (memory.IsLost, shares.IsLost, spared.IsLost, neighbour.IsLost));
        *neighbour.Translate(0, 1, out _) = 1;
        _file.Truncate(FilePages * (long)Page);
        using GuestMemory again = memory.Replace([(Region(0, 4, 0, 0), _file), (Region(4, 4, 4, 4), _file)]);
        Assert.False(again.IsLost);
        Assert.True(again.Translate(0, 1, out _) == memory.Translate(0, 1, out _));
        Assert.True(again.Translate(5 * Page, 1, out _) != memory.Translate(5 * Page, 1, out _));
        Assert.Equal(0, *again.Translate(5 * Page, 1, out _));
        Assert.True(memory.IsLost);
    }

    // A region of an offset inside of a huge page, as QEMU's second one on hugetlbfs.
    [Fact]
    public void Map_HugePages_RoundsToThem()
    {
        const ulong Huge = 2 << 20;
        using var pages = new HugePagePool(4);
        if (!pages.IsFilled)
        {
            return;
        }

        using FileDescriptor file = _leaks.File(4 * (long)Huge, new MemFileOptions(HugePageSize.Size2MiB));
        using (GuestMemory memory = GuestMemory.Map(
            [(new(0, Huge, 0, 0), file), (new(Huge, Huge, Huge, (2 * Huge) - Page), file)]))
        {
            *memory.Translate(Huge, 1, out _) = 5;
            *memory.Translate((2 * Huge) - 1, 1, out _) = 6;
            using GuestMemory whole = GuestMemory.Map([(new(0, 4 * Huge, 0, 0), file)]);
            Assert.Equal(5, *whole.Translate((2 * Huge) - Page, 1, out _));
            Assert.Equal(6, *whole.Translate((3 * Huge) - Page - 1, 1, out _));
        }

        Assert.Equal(0, _leaks.Mappings);
    }

    private static GuestRegionLayout Region(ulong guestPage, ulong pages, ulong userPage, ulong filePage) =>
        new(guestPage * Page, pages * Page, userPage * Page, filePage * Page);

    private static byte Expected(ulong fileOffset) => (byte)((fileOffset * 31) ^ (fileOffset >> 12));

    private void Write(int start, int length) => _file.WriteAt(
        Enumerable.Range(start, length).Select(at => Expected((ulong)at)).ToArray(), start);
}
