namespace Nf.Linux.Tests.Memory;

public unsafe class MappedMemoryTests
{
    [Fact]
    public void Map_TwoMappingsOfOneFile_ShareContents()
    {
        using FileDescriptor file = MemFile.Create("shared", 8192, default);
        using MappedMemory writer = MappedMemory.Map(file, 0, 8192, MapAccess.ReadWrite, populate: true);
        using MappedMemory reader = MappedMemory.Map(file, 4096, 4096, MapAccess.Read);
        writer.AsSpan(4096, 2).Fill(7);
        Assert.Equal([7, 7, 0], reader.AsSpan(0, 3).ToArray());
        Assert.Equal(4096, reader.Length);
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(0, 4097)]
    [InlineData(4096, 1)]
    [InlineData(1, 4096)]
    [InlineData(0, -1)]
    [InlineData(long.MaxValue, 1)]
    public void AsSpan_OutOfRange_Throws(long start, int length)
    {
        using MappedMemory memory = MappedMemory.MapAnonymous(4096);
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.AsSpan(start, length).Length);
    }

    [Fact]
    public void Address_AfterDispose_Throws()
    {
        MappedMemory memory = MappedMemory.MapAnonymous(4096, populate: true, lockPages: true);
        memory.Dispose();
        memory.Dispose();
        Assert.Throws<ObjectDisposedException>(() => (nint)memory.Address);
    }

    [Fact]
    public void Map_OffsetNotPageAligned_NamesLengthAndOffset()
    {
        using FileDescriptor file = MemFile.Create("odd", 8192, default);
        var error = Assert.Throws<LinuxException>(() => MappedMemory.Map(file, 1, 4096, MapAccess.Read));
        Assert.Equal("mmap(4096 bytes at 1): EINVAL (Invalid argument)", error.Message);
    }

    [Fact]
    public void Map_NumaNodeZero_WorksAndUnknownNodeIsNamed()
    {
        using FileDescriptor file = MemFile.Create("numa", 8192, default);
        MappedMemory.Map(file, 0, 8192, MapAccess.ReadWrite, populate: true, numaNode: 0).Dispose();
        var error = Assert.Throws<LinuxException>(
            () => MappedMemory.Map(file, 0, 8192, MapAccess.ReadWrite, numaNode: 900));
        Assert.Equal((Errno.EINVAL, "mbind(node 900)"), (error.Errno, error.Call));
    }

    [Fact]
    public void MapAnonymous_MoreHugePagesThanExist_IsEnomem()
    {
        var error = Assert.Throws<LinuxException>(
            () => MappedMemory.MapAnonymous(1L << 40, HugePageSize.Size2MiB, populate: true));
        Assert.Equal(Errno.ENOMEM, error.Errno);
    }

    [Fact]
    public void Map_HugeMemFileWithoutPages_IsEnomem()
    {
        using FileDescriptor file = MemFile.Create("huge", 1L << 40, new MemFileOptions(HugePageSize.Size2MiB));
        Assert.Equal(2 << 20, file.BlockSizeBytes);
        var error = Assert.Throws<LinuxException>(() => MappedMemory.Map(file, 0, 1L << 40, MapAccess.ReadWrite));
        Assert.Equal(Errno.ENOMEM, error.Errno);
    }

    [Fact]
    public void AddSeals_ShrinkAndGrow_FileKeepsItsSize()
    {
        using FileDescriptor file = MemFile.Create("sealed", 4096, new MemFileOptions(Sealable: true));
        MemFile.AddSeals(file, MemFileSeals.Shrink | MemFileSeals.Grow | MemFileSeals.Seal);
        Assert.Equal(MemFileSeals.Shrink | MemFileSeals.Grow | MemFileSeals.Seal, MemFile.GetSeals(file));
        Assert.Equal(Errno.EPERM, Assert.Throws<LinuxException>(() => file.Truncate(0)).Errno);
        Assert.Equal(
            Errno.EPERM, Assert.Throws<LinuxException>(() => MemFile.AddSeals(file, MemFileSeals.Write)).Errno);
    }

    [Fact]
    public void GetSeals_NotSealable_SaysSealed()
    {
        using FileDescriptor file = MemFile.Create("plain", 4096, new MemFileOptions(Sealable: false));
        Assert.Equal(MemFileSeals.Seal, MemFile.GetSeals(file));
    }

    [Theory]
    [InlineData(MapAccess.ReadWrite)]
    [InlineData(MapAccess.Read)]
    public void TouchPages_FreshFile_MakesEveryPagePresentAndChangesNothing(MapAccess access)
    {
        const int Pages = 9;
        int length = Pages * Environment.SystemPageSize;
        using FileDescriptor file = MemFile.Create("touched", length, default);
        using MappedMemory memory = MappedMemory.Map(file, 0, length, access);
        Assert.Equal(0, PresentBytes("touched"));
        memory.TouchPages(access);

        Assert.Equal(length, PresentBytes("touched"));
        Assert.DoesNotContain(memory.AsSpan(0, length).ToArray(), value => value != 0);
    }

    /// <summary>Memory that is present in the one mapping of a file with this name.</summary>
    private static long PresentBytes(string name)
    {
        string resident = File.ReadLines("/proc/self/smaps")
            .SkipWhile(line => !line.Contains($"/memfd:{name} ", StringComparison.Ordinal))
            .First(line => line.StartsWith("Rss:", StringComparison.Ordinal));
        return 1024 * long.Parse(resident.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
    }
}
