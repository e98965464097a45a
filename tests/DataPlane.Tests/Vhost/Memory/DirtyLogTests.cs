using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Memory;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Memory;

public sealed class DirtyLogTests : IDisposable
{
    private const ulong Page = 4096;
    private const int FileBytes = 3 * 4096;
    private readonly Leaks _leaks = new();
    private readonly FileDescriptor _file;

    public DirtyLogTests() => _file = _leaks.File(FileBytes);

    public void Dispose()
    {
        _file.Dispose();
        _leaks.AssertNone();
    }

    // J01: guest address, length, first page, last page. The seed's loop marked only the first page of a long write.
    public static TheoryData<ulong, ulong, int, int> Writes => new()
    {
        { 0, 1, 0, 0 },
        { 0, Page, 0, 0 },
        { 0, Page + 1, 0, 1 },
        { Page - 1, 1, 0, 0 },
        { Page - 1, 2, 0, 1 },
        { Page, 12, 1, 1 },
        { 7 * Page, 2 * Page, 7, 8 },
        { 63 * Page, 1, 63, 63 },
        { 63 * Page, Page + 1, 63, 64 },
        { (62 * Page) + 100, 70 * Page, 62, 132 },
        { 64 * Page, 64 * Page, 64, 127 },
        { 0, 799 * Page, 0, 798 },
        { 799 * Page, 1, 799, 799 },
    };

    [Theory]
    [MemberData(nameof(Writes))]
    public void Mark_Range_SetsEveryPageOfItAndNoOther(ulong address, ulong length, int first, int last)
    {
        foreach (ulong offset in (ulong[])[0, 1, 3, 7, 8, 100, 4095, 4096, 5001])
        {
            _file.WriteAt(new byte[FileBytes], 0);
            using DirtyLog log = DirtyLog.Map(_file, 100, offset);
            log.Mark(address, length);
            Assert.Equal(Enumerable.Range(first, last - first + 1).Select(page => page + ((int)offset * 8)), Bits());
            Assert.Equal(0u, log.OutOfRange);
        }
    }

    // J04, J05: sizes that are no whole words; what is behind them stays as it is, and is counted.
    public static TheoryData<ulong, ulong, ulong, int, ulong> Ends => new()
    {
        { 1, 7 * Page, 1, 1, 0 },
        { 1, 8 * Page, 1, 0, 1 },
        { 1, 0, 9 * Page, 8, 1 },
        { 13, 103 * Page, 1, 1, 0 },
        { 13, 104 * Page, 1, 0, 1 },
        { 13, 100 * Page, 100 * Page, 4, 96 },
        { 13, ulong.MaxValue, 1, 0, 1 },
        { 13, ulong.MaxValue, ulong.MaxValue, 0, 1 },
        { 13, ulong.MaxValue - Page, 4 * Page, 0, 2 },
        { 13, 0, ulong.MaxValue, 104, (1UL << 52) - 104 },
        { 13, 0, 0, 0, 0 },
        { 13, 1UL << 63, 0, 0, 0 },
        { 4096, (4096 * 8 * Page) - 1, 2, 1, 1 },
    };

    [Theory]
    [MemberData(nameof(Ends))]
    public void Mark_BeyondTheLog_IsCountedAndTouchesNothing(
        ulong size, ulong address, ulong length, int marked, ulong outside)
    {
        foreach (ulong offset in (ulong[])[0, 5, 4096 - 8])
        {
            byte[] before = new byte[FileBytes];
            _file.WriteAt(before, 0);
            using DirtyLog log = DirtyLog.Map(_file, size, offset);
            log.Mark(address, length);
            int[] bits = Bits();
            Assert.Equal(marked, bits.Length);
            Assert.All(bits, bit => Assert.InRange((ulong)bit / 8, offset, offset + size - 1));
            Assert.Equal(outside, log.OutOfRange);
        }
    }

    [Fact]
    public void Mark_BitsAround_StaySet()
    {
        byte[] ones = new byte[FileBytes];
        ones.AsSpan().Fill(0xa5);
        _file.WriteAt(ones, 0);
        using DirtyLog log = DirtyLog.Map(_file, 3, 2);
        log.Mark(0, 24 * Page);
        byte[] after = Contents();
        Assert.Equal(ones[..2], after[..2]);
        Assert.Equal([0xff, 0xff, 0xff], after[2..5]);
        Assert.Equal(ones[5..], after[5..]);
    }

    // J08
    [Theory]
    [InlineData(0, 0, "size 0")]
    [InlineData(FileBytes + 1, 0, "its file has")]
    [InlineData(FileBytes, 1, "its file has")]
    [InlineData(1, FileBytes, "its file has")]
    [InlineData(1, ulong.MaxValue, "beyond what a file can have")]
    [InlineData(ulong.MaxValue, 1, "beyond what a file can have")]
    [InlineData(ulong.MaxValue, ulong.MaxValue, "beyond what a file can have")]
    [InlineData(1UL << 62, 1UL << 62, "beyond what a file can have")]
    public void Map_BadRange_IsRefused(ulong size, ulong offset, string rule)
    {
        string message = Assert.Throws<VhostRefusedException>(() => DirtyLog.Map(_file, size, offset)).Message;
        Assert.StartsWith("dirty log: ", message, StringComparison.Ordinal);
        Assert.Contains(rule, message, StringComparison.Ordinal);
        Assert.Equal((1, 0), (_leaks.Descriptors, _leaks.Mappings));
    }

    // J09: several back-ends and a front-end that takes bits away by exchange; every bit is seen once it was set.
    [Fact]
    public void Mark_SeveralBackEndsAndAFrontEnd_NoBitIsLost()
    {
        const int Pages = 640;
        const int Rounds = 300;
        const int BackEnds = 3;
        using MappedMemory frontEnd = MappedMemory.Map(_file, 0, FileBytes, MapAccess.ReadWrite);
        long[] seen = new long[Pages];
        using var stop = new CancellationTokenSource();
        var collector = new Thread(() =>
        {
            bool last;
            do
            {
                last = stop.IsCancellationRequested;
                Collect(frontEnd, seen);
            }
            while (!last);
        });
        int lost = 0;
        Thread[] backEnds = [.. Enumerable.Range(0, BackEnds).Select(number => new Thread(() =>
        {
            using DirtyLog log = DirtyLog.Map(_file, Pages / 8, 0);
            for (int round = 0; round < Rounds; round++)
            {
                // Pages of its own, in words that all share. A set bit is either still there, or was seen.
                for (int page = number; page < Pages; page += BackEnds)
                {
                    long before = Volatile.Read(ref seen[page]);
                    log.Mark((ulong)page * Page, 1);
                    if (!IsSet(frontEnd, page) && !Became(seen, page, before))
                    {
                        Interlocked.Increment(ref lost);
                    }
                }
            }
        }))];
        collector.Start();
        Array.ForEach(backEnds, thread => thread.Start());
        Array.ForEach(backEnds, thread => thread.Join());
        stop.Cancel();
        collector.Join();
        Assert.Equal(0, lost);
        Assert.All(seen, count => Assert.InRange(count, 1, Rounds));
    }

    [Fact]
    public void File_ShrinksUnderUs_LogIsLostAndWeGoOn()
    {
        using DirtyLog log = DirtyLog.Map(_file, FileBytes, 0);
        _file.Truncate(0);
        log.Mark(0, Page * FileBytes * 8);
        Assert.True(log.IsLost);
    }

    [Fact]
    public void Properties_AreWhatTheStoreNeeds()
    {
        using DirtyLog log = DirtyLog.Map(_file, 13, 5);
        Assert.Equal((13u, 5u), (log.SizeBytes, log.Offset));
        Assert.True(log.File.IsSameFile(_file));
        log.Dispose();
    }

    // The seen count goes up a moment after the exchange.
    private static bool Became(long[] seen, int page, long before)
    {
        for (int i = 0; i < 10_000_000; i++)
        {
            if (Volatile.Read(ref seen[page]) != before)
            {
                return true;
            }
        }

        return false;
    }

    private static unsafe bool IsSet(MappedMemory log, int page) =>
        (Volatile.Read(ref log.Address[page / 8]) & (1 << (page % 8))) != 0;

    private static unsafe void Collect(MappedMemory log, long[] seen)
    {
        for (int word = 0; word < seen.Length / 64; word++)
        {
            ulong bits = Interlocked.Exchange(ref *((ulong*)log.Address + word), 0);
            for (int bit = 0; bit < 64; bit++)
            {
                seen[(word * 64) + bit] += (long)(bits >> bit) & 1;
            }
        }
    }

    private byte[] Contents()
    {
        byte[] bytes = new byte[FileBytes];
        Assert.Equal(FileBytes, _file.ReadAt(bytes, 0));
        return bytes;
    }

    private int[] Bits()
    {
        byte[] bytes = Contents();
        return [.. Enumerable.Range(0, FileBytes * 8).Where(bit => (bytes[bit / 8] & (1 << (bit % 8))) != 0)];
    }
}
