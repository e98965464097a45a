using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Memory;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Memory;

public unsafe class InflightRegionTests
{
    // K01: header and entries, rounded up to 64, times the queues.
    public static TheoryData<uint, uint, bool, ulong> Sizes => new()
    {
        { 1, 1, false, 64 },
        { 1, 3, false, 64 },
        { 1, 4, false, 128 },
        { 2, 256, false, 2 * ((256 * 16) + 64) },
        { 8, 1024, false, 8 * ((1024 * 16) + 64) },
        { 16, 32768, false, 16 * ((32768 * 16) + 64) },
        { 1, 1, true, 64 },
        { 1, 2, true, 128 },
        { 2, 255, true, 2 * 8192 },
        { 2, 256, true, 2 * ((256 * 32) + 64) },
        { 1, 32768, true, (32768 * 32) + 64 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Create_Sizes_AreThoseOfTheSpecification(uint queues, uint queueSize, bool packed, ulong size)
    {
        using InflightRegion region = InflightRegion.Create(queues, queueSize, packed);
        Assert.Equal(size, region.SizeBytes);
        Assert.Equal((long)size, region.File.Length);
        Assert.Equal(
            (0u, queues, queueSize, packed), (region.Offset, region.QueueCount, region.QueueSize, region.IsPacked));
        Assert.Equal(
            MemFileSeals.Grow | MemFileSeals.Shrink | MemFileSeals.Seal, MemFile.GetSeals(region.File));
        byte[] contents = new byte[size];
        region.File.ReadAt(contents, 0);
        Assert.All(contents, value => Assert.Equal(0, value));
        Assert.NotNull(region.Queue((int)queues - 1));
        Assert.Null(region.Queue((int)queues));
        Assert.Throws<LinuxException>(() => region.File.Truncate(1));
    }

    [Fact]
    public void Structs_HaveTheLayoutOfTheSpecification()
    {
        Assert.Equal(
            (16, 16, 32, 32, 16),
            (sizeof(InflightHeaderSplit), sizeof(InflightEntrySplit), sizeof(InflightHeaderPacked),
                sizeof(InflightEntryPacked), sizeof(InflightDescriptor)));
        var used = new InflightUsed(0x1234, 0x5678, Wrap: true, OldWrap: false);
        Assert.Equal(0x0001_5678_1234u, used.Word);
        Assert.Equal(used, InflightUsed.Of(used.Word));
        Assert.Equal(0x0100_0000_0000u, new InflightUsed(0, 0, false, true).Word);
    }

    // K02
    [Theory]
    [InlineData(0, 256, "0 queues")]
    [InlineData(65536, 256, "65536 queues")]
    [InlineData(uint.MaxValue, 256, "queues")]
    [InlineData(2, 0, "queue size 0")]
    [InlineData(2, 32769, "queue size 32769")]
    [InlineData(2, 65536, "queue size 65536")]
    public void CreateAndMap_BadCounts_AreRefused(uint queues, uint queueSize, string rule)
    {
        var leaks = new Leaks();
        using (FileDescriptor file = leaks.File(1 << 20))
        {
            foreach (bool packed in (bool[])[false, true])
            {
                Action[] attempts =
                [
                    () => InflightRegion.Create(queues, queueSize, packed),
                    () => InflightRegion.Map(file, 1 << 20, 0, queues, queueSize, packed),
                ];
                Assert.All(attempts, attempt => Assert.Contains(
                    rule, Assert.Throws<VhostRefusedException>(attempt).Message, StringComparison.Ordinal));
            }
        }

        leaks.AssertNone();
    }

    // K03: two queues of 256, split, need 8320 bytes; the file has 16384.
    [Theory]
    [InlineData(8319, 0, "need 8320")]
    [InlineData(0, 0, "need 8320")]
    [InlineData(16385, 0, "its file has")]
    [InlineData(8320, 8072, "its file has")]
    [InlineData(8320, 16384, "its file has")]
    [InlineData(8320, 4, "multiple of 8")]
    [InlineData(8320, ulong.MaxValue - 7, "beyond what a file can have")]
    [InlineData(ulong.MaxValue, 8, "beyond what a file can have")]
    public void Map_BadRange_IsRefused(ulong size, ulong offset, string rule)
    {
        var leaks = new Leaks();
        using (FileDescriptor file = leaks.File(16384))
        {
            string message = Assert.Throws<VhostRefusedException>(
                () => InflightRegion.Map(file, size, offset, 2, 256, packed: false)).Message;
            Assert.StartsWith("inflight region: ", message, StringComparison.Ordinal);
            Assert.Contains(rule, message, StringComparison.Ordinal);
            Assert.Equal((1, 0), (leaks.Descriptors, leaks.Mappings));
        }

        leaks.AssertNone();
    }

    [Theory]
    [InlineData(2, 256, "version 2")]
    [InlineData(0xffff, 256, "version 65535")]
    [InlineData(1, 255, "made for 255 descriptors")]
    [InlineData(1, 0, "made for 0 descriptors")]
    public void Map_BadPart_IsRefused(ushort version, ushort count, string rule)
    {
        var leaks = new Leaks();
        using (FileDescriptor file = leaks.File(20000))
        {
            foreach (bool packed in (bool[])[false, true])
            {
                ulong stride = InflightLayout.QueueBytes(256, packed);
                file.WriteAt(BitConverter.GetBytes(version), (long)stride + 8);
                file.WriteAt(BitConverter.GetBytes(count), (long)stride + 10);
                string message = Assert.Throws<VhostRefusedException>(
                    () => InflightRegion.Map(file, 2 * stride, 0, 2, 256, packed)).Message;
                Assert.Contains("queue 1", message, StringComparison.Ordinal);
                Assert.Contains(rule, message, StringComparison.Ordinal);
                file.WriteAt(new byte[4], (long)stride + 8);
            }
        }

        leaks.AssertNone();
    }

    // K04: what is replaced is let go of.
    [Fact]
    public void CreateAndMap_ManyTimes_LeavesNothing()
    {
        var files = new HashSet<ulong>();
        for (int i = 0; i < 200; i++)
        {
            using InflightRegion made = InflightRegion.Create(4, 1024, packed: i % 2 == 0);
            using InflightRegion mapped =
                InflightRegion.Map(made.File, made.SizeBytes, made.Offset, 4, 1024, packed: i % 2 == 0);
            files.Add(made.File.Identity.Inode);
            Assert.Equal(2, Mappings(files));
            mapped.Dispose();
            mapped.Dispose();
            Assert.Equal(1, Mappings(files));
        }

        Assert.Equal(0, Mappings(files));
        Assert.Equal(200, files.Count);
    }

    [Fact]
    public void Map_OffsetInAPage_PartsAreThere()
    {
        var leaks = new Leaks();
        using (FileDescriptor file = leaks.File(16384))
        {
            using InflightRegion region = InflightRegion.Map(file, 8320, 4104, 2, 256, packed: false);
            ((SplitInflightQueue)region.Queue(1)!).Recover(7, 256);
            byte[] header = new byte[16];
            file.ReadAt(header, 4104 + 4160);
            Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 7, 0], header);
        }

        leaks.AssertNone();
    }

    [Fact]
    public void File_ShrinksUnderUs_RegionIsLostAndWeGoOn()
    {
        var leaks = new Leaks();
        using (FileDescriptor file = leaks.File(16384))
        {
            using InflightRegion region = InflightRegion.Map(file, 16384, 0, 2, 256, packed: false);
            var queue = (SplitInflightQueue)region.Queue(1)!;
            queue.Recover(0, 256);
            file.Truncate(0);
            for (int i = 255; i >= 0; i--)
            {
                queue.Fetch((ushort)i);
            }

            Assert.True(region.IsLost);
        }

        leaks.AssertNone();
    }

    // Other tests have regions meanwhile; they are of other files.
    private static int Mappings(HashSet<ulong> files) => File.ReadLines("/proc/self/maps").Count(
        line => line.Contains("vhost-inflight", StringComparison.Ordinal) &&
            files.Contains(ulong.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[4])));
}
