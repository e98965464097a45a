using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Memory;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Memory;

// Whatever a front-end says about its memory, it is right or it is refused, and nothing is left behind.
public unsafe class GuestMemoryRefusalTests
{
    private const ulong Page = 4096;
    private const ulong Max = ulong.MaxValue;
    private const int PathOnly = 0x200000; // O_PATH

    // Regions as guest address, size, user address, offset; files have 16 pages.
    public static TheoryData<string, ulong[], string> BadTables => new()
    {
        { "size 0", [0, 0, 0, 0], "size 0" },
        { "guest wraps", [Max - Page + 1, 2 * Page, 0, 0], "guest address 0xfffffffffffff000" },
        { "guest ends at 2^64", [Max - Page + 1, Page, 0, 0], "guest address 0xfffffffffffff000" },
        { "user wraps", [0, 2 * Page, Max - Page + 1, 0], "user address 0xfffffffffffff000" },
        { "offset wraps", [0, 2 * Page, 0, Max - Page + 1], "file offset 0xfffffffffffff000" },
        { "offset beyond files", [0, Page, 0, 1UL << 63], "beyond what a file can have" },
        { "size beyond files", [0, 1UL << 63, 0, 0], "beyond what a file can have" },
        { "file short by a page", [0, 17 * Page, 0, 0], "its file has 0x10000 bytes" },
        { "file short by a byte", [0, 16 * Page, 0, 1], "its file has 0x10000 bytes" },
        { "file short, all offset", [0, 1, 0, 16 * Page], "its file has 0x10000 bytes" },
        { "same guest address", [0, Page, 0, 0, 0, Page, Page, 0], "guest address 0x0 lies inside" },
        { "guest inside", [0, 4 * Page, 0, 0, Page, Page, 8 * Page, 0], "guest address 0x1000 lies inside" },
        { "guest by one byte", [0, Page + 1, 0, 0, Page, Page, 8 * Page, 0], "guest address 0x1000 lies inside" },
        { "user by one byte", [0, Page, Page - 1, 0, 8 * Page, Page, 0, 0], "user address 0xfff lies inside" },
        {
            "third user inside first",
            [0, 4 * Page, 0, 0, 8 * Page, Page, 4 * Page, 0, 16 * Page, Page, Page, 0], "user address 0x1000 lies"
        },
    };

    [Theory]
    [MemberData(nameof(BadTables))]
    public void Map_BadTable_IsRefusedByRule(string name, ulong[] numbers, string rule)
    {
        Assert.NotEmpty(name);
        var leaks = new Leaks();
        using (FileDescriptor file = leaks.File(16 * (long)Page))
        {
            var regions = numbers.Chunk(4).Select(n => (new GuestRegionLayout(n[0], n[1], n[2], n[3]), file)).ToArray();
            string message = Assert.Throws<VhostRefusedException>(() => GuestMemory.Map(regions)).Message;
            Assert.Contains(rule, message, StringComparison.Ordinal);
            Assert.Equal((1, 0), (leaks.Descriptors, leaks.Mappings));
        }

        leaks.AssertNone();
    }

    // The same rules for a region that is added: all but the last of a bad table are there already.
    [Theory]
    [MemberData(nameof(BadTables))]
    public void With_BadRegion_IsRefusedAndTheTableStays(string name, ulong[] numbers, string rule)
    {
        Assert.NotEmpty(name);
        var leaks = new Leaks();
        using (FileDescriptor file = leaks.File(16 * (long)Page))
        {
            var regions = numbers.Chunk(4).Select(n => (Layout: new GuestRegionLayout(n[0], n[1], n[2], n[3]), file))
                .ToArray();
            using GuestMemory before = GuestMemory.Map(regions[..^1]);
            string message = Assert.Throws<VhostRefusedException>(() => before.With(regions[^1].Layout, file)).Message;
            string expected = rule.Contains("lies", StringComparison.Ordinal) ? "lies inside the region" : rule;
            Assert.Contains(expected, message, StringComparison.Ordinal);
            Assert.Equal(regions.Length - 1, before.Count);
            Assert.Equal((regions.Length, regions.Length - 1), (leaks.Descriptors, leaks.Mappings));
        }

        leaks.AssertNone();
    }

    [Fact]
    public void Map_SecondCannotBeMapped_LeavesNothing()
    {
        var leaks = new Leaks();
        using (FileDescriptor good = leaks.File(16 * (long)Page))
        using (FileDescriptor readOnly = FileDescriptor.OpenReadOnly(good.OwnPath))
        {
            string message = Assert.Throws<VhostRefusedException>(() => GuestMemory.Map(
                [(new(0, Page, 0, 0), good), (new(Page, Page, Page, 0), readOnly)])).Message;
            Assert.StartsWith(
                "memory region at guest address 0x1000 cannot be mapped: mmap", message, StringComparison.Ordinal);
            Assert.Contains("EACCES", message, StringComparison.Ordinal);
            Assert.Equal((2, 0), (leaks.Descriptors, leaks.Mappings));
        }

        leaks.AssertNone();
    }

    // What is no memory at all: refused, whatever the kernel says of it.
    [Theory]
    [InlineData("eventfd")]
    [InlineData("folder")]
    [InlineData("path")]
    public void Map_NoMemory_IsRefused(string kind)
    {
        using FileDescriptor file = kind switch
        {
            "folder" => FileDescriptor.OpenReadOnly(Path.GetTempPath()),
            "path" => FileDescriptor.Open("/proc/self/exe", PathOnly),
            _ => EventFd.Create().Descriptor,
        };
        Assert.Throws<VhostRefusedException>(() => GuestMemory.Map([(new(0, Page, 0, 0), file)]));
    }

    // REM_MEM_REG names a region by guest address, size and user address.
    [Theory]
    [InlineData(0x10000, 0x1000, 0x50000, 0x7777, true)]
    [InlineData(0x10000, 0x2000, 0x50000, 0, false)]
    [InlineData(0x10000, 0x1000, 0x51000, 0, false)]
    [InlineData(0x11000, 0x1000, 0x50000, 0, false)]
    [InlineData(0, 0, 0, 0, false)]
    public void Without_Region_ComparesAllButTheOffset(ulong guest, ulong size, ulong user, ulong offset, bool found)
    {
        var leaks = new Leaks();
        using (FileDescriptor file = leaks.File(16 * (long)Page))
        {
            using GuestMemory memory = GuestMemory.Map(
                [(new(0x10000, Page, 0x50000, Page), file), (new(0x20000, Page, 0x60000, 0), file)]);
            var layout = new GuestRegionLayout(guest, size, user, offset);
            if (found)
            {
                using GuestMemory less = memory.Without(layout);
                Assert.Equal(0x20000u, Assert.Single(less.Regions).GuestAddress);
                Assert.True(less.Translate(0x10000, 1, out _) == null);
                Assert.True(less.Translate(0x20000, 1, out _) == memory.Translate(0x20000, 1, out _));
            }
            else
            {
                Assert.Throws<VhostRefusedException>(() => memory.Without(layout));
            }

            Assert.Equal(2, memory.Count);
        }

        leaks.AssertNone();
    }
}
