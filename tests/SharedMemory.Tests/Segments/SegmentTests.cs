using System.Reflection;
using System.Runtime.CompilerServices;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.SharedMemory.Tests.Segments;

public unsafe class SegmentTests
{
    private static readonly Type[] LineTypes =
    [
        typeof(SegmentHeader), typeof(SegmentHeartbeat), typeof(WorkerIdentity), typeof(WorkerCounters),
        typeof(PortIdentity), typeof(PortTraffic), typeof(PortRings), typeof(PortKernel), typeof(PortVhost),
        typeof(UmemIdentity), typeof(UmemCounters),
    ];

    public static TheoryData<Type> Lines => new(LineTypes);

    [Theory]
    [MemberData(nameof(Lines))]
    public void Struct_OfOneWriter_IsOneCacheLine(Type type) => Assert.Equal(64, SizeOf(type));

    [Fact]
    public void Struct_OfSeveralLines_IsWholeLines()
    {
        Assert.All(
            (Type[])[typeof(WorkerSlot), typeof(PortSlot), typeof(UmemSlot), typeof(PortDrops)],
            type => Assert.Equal(0, SizeOf(type) % 64));
        Assert.Equal(0, SegmentLayout.WorkersOffset % 64);
        Assert.Equal(0, SegmentLayout.PortsOffset % 64);
        Assert.Equal(0, SegmentLayout.UmemsOffset % 64);
        Assert.Equal(0, SegmentLayout.SizeBytes % 4096);
    }

    // A struct of the segment that nobody lists would change the layout without changing the hash.
    [Fact]
    public void Lines_Listed_AreAllThereAre()
    {
        Type[] slots = [typeof(WorkerSlot), typeof(PortSlot), typeof(UmemSlot)];
        IEnumerable<Type> found = slots.SelectMany(
            slot => slot.GetFields(BindingFlags.Instance | BindingFlags.Public).Select(field => field.FieldType));
        Assert.All(found.Where(type => type != typeof(PortDrops)), type => Assert.Contains(type, LineTypes));
    }

    [Fact]
    public void Reader_AfterWriter_SeesWhatWasWritten()
    {
        using SegmentWriter writer = SegmentWriter.Create(7, 123, DateTimeOffset.UnixEpoch.AddSeconds(5));
        using SegmentReader reader = SegmentReader.Open(writer.File);
        SegmentHeader header = reader.Header;
        Assert.Equal((7ul, 123u, 5_000_000_000L), (header.Generation, header.Pid, header.StartedUnixNs));
        int last = SegmentLayout.PortCountMax - 1;
        writer.Heartbeat.MonotonicNs = 42;
        writer.Port(last).Traffic.RxPackets = 11;
        writer.Port(last).Drops[DropReasons.Count - 1] = 12;
        writer.Umem(SegmentLayout.UmemCountMax - 1).Counters.Free = 13;
        writer.Worker(SegmentLayout.WorkerCountMax - 1).Counters.Polls = 14;
        Assert.Equal(42, reader.HeartbeatNs);
        Assert.Equal(11ul, reader.Port(last).Traffic.RxPackets);
        Assert.Equal(12ul, reader.Port(last).Drops[DropReasons.Count - 1]);
        Assert.Equal(13ul, reader.Umem(SegmentLayout.UmemCountMax - 1).Counters.Free);
        Assert.Equal(14ul, reader.Worker(SegmentLayout.WorkerCountMax - 1).Counters.Polls);
        Assert.Equal(0ul, reader.Port(last - 1).Traffic.RxPackets);
    }

    [Fact]
    public void Slot_OutOfRange_IsRefusedOnBothSides()
    {
        using SegmentWriter writer = SegmentWriter.Create(1, 1, DateTimeOffset.UnixEpoch);
        using SegmentReader reader = SegmentReader.Open(writer.File);
        foreach (int slot in (int[])[-1, SegmentLayout.PortCountMax, int.MaxValue])
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => { writer.Port(slot); });
            Assert.Throws<ArgumentOutOfRangeException>(() => { reader.Port(slot); });
        }
    }

    [Fact]
    public void CopyFrom_EarlierLife_KeepsCountersAndOwnHeader()
    {
        using SegmentWriter earlier = SegmentWriter.Create(1, 10, DateTimeOffset.UnixEpoch);
        earlier.Port(3).Traffic.TxBytes = 99;
        earlier.Umem(2).Identity.ChunkCount = 98;
        using SegmentReader reader = SegmentReader.Open(earlier.File);
        using SegmentWriter later = SegmentWriter.Create(2, 20, DateTimeOffset.UnixEpoch);
        later.CopyFrom(reader);
        Assert.Equal(99ul, later.Port(3).Traffic.TxBytes);
        Assert.Equal(98ul, later.Umem(2).Identity.ChunkCount);
        Assert.Equal(2ul, later.Header.Generation);
    }

    [Fact]
    public void File_OfAWriter_CannotBeMappedWritableResizedOrWritten()
    {
        using SegmentWriter writer = SegmentWriter.Create(1, 1, DateTimeOffset.UnixEpoch);
        Assert.Equal(Errno.EPERM, Fails(() => MappedMemory.Map(
            writer.File, 0, SegmentLayout.SizeBytes, MapAccess.ReadWrite).Dispose()));
        Assert.Equal(Errno.EPERM, Fails(() => writer.File.Truncate(4096)));
        Assert.Equal(Errno.EPERM, Fails(() => writer.File.Truncate(SegmentLayout.SizeBytes * 2)));
        Assert.Equal(Errno.EPERM, Fails(() => writer.File.WriteAt([1], 0)));
        Assert.Equal(Errno.EPERM, Fails(() => MemFile.AddSeals(writer.File, MemFileSeals.Write)));
    }

    [Fact]
    public void Open_Unsealed_IsRefused()
    {
        using FileDescriptor file = Copy(SegmentLayout.SizeBytes, _ => { });
        Assert.Contains("not sealed", Assert.Throws<InvalidDataException>(() => SegmentReader.Open(file)).Message);
    }

    [Theory]
    [InlineData(-4096)]
    [InlineData(4096)]
    public void Open_OtherSize_IsRefused(int difference)
    {
        using FileDescriptor file = Copy(SegmentLayout.SizeBytes + difference, _ => { });
        MemFile.AddSeals(file, MemFileSeals.Shrink | MemFileSeals.Grow);
        Assert.Contains("bytes", Assert.Throws<InvalidDataException>(() => SegmentReader.Open(file)).Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    public void Open_OtherMagicOrLayout_IsRefused(int offset)
    {
        using FileDescriptor good = Sealed(_ => { });
        SegmentReader.Open(good).Dispose();
        using FileDescriptor bad = Sealed(header => header[offset] ^= 1);
        Assert.Contains("layout", Assert.Throws<InvalidDataException>(() => SegmentReader.Open(bad)).Message);
    }

    private static int SizeOf(Type type) => (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!
        .MakeGenericMethod(type).Invoke(null, null)!;

    private static Errno Fails(Action action) => Assert.Throws<LinuxException>(action).Errno;

    private static FileDescriptor Sealed(Action<byte[]> change)
    {
        FileDescriptor file = Copy(SegmentLayout.SizeBytes, change);
        MemFile.AddSeals(file, MemFileSeals.Shrink | MemFileSeals.Grow);
        return file;
    }

    // The header of a real segment in a file that is not sealed.
    private static FileDescriptor Copy(int length, Action<byte[]> change)
    {
        byte[] header = new byte[64];
        using (SegmentWriter writer = SegmentWriter.Create(1, 1, DateTimeOffset.UnixEpoch))
        {
            writer.File.ReadAt(header, 0);
        }

        change(header);
        FileDescriptor file = MemFile.Create("copy", length, new MemFileOptions());
        file.WriteAt(header, 0);
        return file;
    }
}
