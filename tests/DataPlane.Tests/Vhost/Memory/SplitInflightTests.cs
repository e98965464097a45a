using Nf.DataPlane.Vhost.Memory;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Memory;

public sealed unsafe class SplitInflightTests : IDisposable
{
    private const uint Size = 8;
    private readonly FileDescriptor _file;
    private InflightRegion _region;
    private SplitInflightQueue _queue;

    public SplitInflightTests()
    {
        _region = InflightRegion.Create(1, Size, packed: false);
        _file = _region.File.Duplicate();
        _queue = (SplitInflightQueue)_region.Queue(0)!;
        Assert.Empty(_queue.Recover(65534, Size));
    }

    public void Dispose()
    {
        _region.Dispose();
        _file.Dispose();
    }

    [Fact]
    public void Recover_NothingHappened_IsEmpty() => Assert.Empty(Next().Recover(65534, Size));

    [Fact]
    public void Recover_FetchedOutOfOrder_ComesInOrderOfFetching()
    {
        Fetch(5, 2, 7, 0);
        Assert.Equal([5, 2, 7, 0], Next().Recover(65534, Size));
    }

    [Fact]
    public void Recover_AfterCommit_FinishedAreGone()
    {
        Fetch(5, 2, 7, 0);
        _queue.Finish(2);
        _queue.Finish(5);
        _queue.Commit(0);
        Assert.Equal([7, 0], Next().Recover(0, Size));
    }

    // Killed after linking: whether the used index was published decides.
    [Theory]
    [InlineData(65534, new ushort[] { 5, 2, 7, 0 })]
    [InlineData(0, new ushort[] { 7, 0 })]
    public void Recover_FinishedNotCommitted_UsedIndexDecides(ushort usedIndex, ushort[] expected)
    {
        Fetch(5, 2, 7, 0);
        _queue.Finish(2);
        _queue.Finish(5);
        Assert.Equal(expected, Next().Recover(usedIndex, Size));
    }

    [Fact]
    public void Recover_Twice_IsTheSame()
    {
        Fetch(1, 2, 3);
        _queue.Finish(1);
        Assert.Equal([2, 3], Next().Recover(65535, Size));
        Assert.Equal([2, 3], Next().Recover(65535, Size));
    }

    [Fact]
    public void Fetch_AfterRecovery_CountsOn()
    {
        Fetch(3, 1);
        Next();
        Assert.Equal([3, 1], _queue.Recover(65534, Size));
        Fetch(0);
        Assert.Equal([3, 1, 0], Next().Recover(65534, Size));
    }

    [Fact]
    public void Recover_WholeRingInHand_AllOfIt()
    {
        ushort[] all = [4, 5, 6, 7, 3, 2, 1, 0];
        Fetch(all);
        Assert.Equal(all, Next().Recover(65534, Size));
        foreach (ushort head in all)
        {
            _queue.Finish(head);
        }

        Assert.Empty(Next().Recover(6, Size));
    }

    [Fact]
    public void Forget_ThenOtherBase_StartsThere()
    {
        Fetch(1);
        _queue.Finish(1);
        _queue.Commit(65535);
        _queue.Forget();
        Next();
        Assert.Empty(_queue.Recover(0, Size));
        Fetch(6);
        Assert.Equal([6], Next().Recover(0, Size));
    }

    // What is in hand, and what another back-end has left, is worth more than a base.
    [Fact]
    public void Forget_SomethingInHand_KeepsIt()
    {
        Fetch(1, 2);
        _queue.Finish(1);
        _queue.Commit(65535);
        _queue.Forget();
        Next().Forget();
        Assert.Equal([2], Next().Recover(65535, Size));
        _queue.Forget();
        Assert.Equal([2], Next().Recover(65535, Size));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(65535)]
    public void FetchAndFinish_HeadOutsideTheRing_IsRefused(ushort head)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _queue.Fetch(head));
        Assert.Throws<ArgumentOutOfRangeException>(() => _queue.Finish(head));
    }

    // Layout, byte by byte, as another back-end would read it.
    [Fact]
    public void Contents_AfterSteps_AreThoseOfTheSpecification()
    {
        Fetch(3, 6);
        _queue.Finish(6);
        _queue.Finish(3);
        _queue.Commit(0);
        Fetch(2);
        byte[] bytes = Contents();
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0], bytes[..16]);
        Assert.Equal([1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0], Entry(bytes, 2));
        Assert.Equal([0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0], Entry(bytes, 3));
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], Entry(bytes, 6));
    }

    // K06: whatever the region says, recovery ends, and names only heads of the ring, each once.
    [Fact]
    public void Recover_AnyContents_IsBounded()
    {
        var random = new Random(1);
        byte[] bytes = new byte[_region.SizeBytes];
        uint corrections = 0;
        for (int i = 0; i < 5000; i++)
        {
            random.NextBytes(bytes);
            if (i % 2 == 0)
            {
                // Indexes that are mostly plausible go deeper than random ones.
                for (int at = 12; at + 2 <= bytes.Length; at += 2)
                {
                    bytes[at] = (byte)random.Next(10);
                    bytes[at + 1] = 0;
                }
            }

            (bytes[8], bytes[9], bytes[10], bytes[11]) = (1, 0, (byte)Size, 0);
            _file.WriteAt(bytes, 0);
            uint ringSize = i % 3 == 0 ? 4u : Size;
            SplitInflightQueue queue = Next();
            ushort usedIndex = (ushort)random.Next(10);
            ushort[] heads = queue.Recover(usedIndex, ringSize);
            Assert.Equal(heads.Length, heads.Distinct().Count());
            Assert.All(heads, head => Assert.InRange(head, 0, (int)ringSize - 1));
            corrections += queue.Corrections;

            // It is usable, and what it says now holds for the next one.
            Assert.Equal(heads.Order(), Next().Recover(usedIndex, ringSize).Order());
            Array.ForEach(heads, _queue.Finish);
            _queue.Commit((ushort)(usedIndex + heads.Length));
            Assert.Empty(Next().Recover((ushort)(usedIndex + heads.Length), ringSize));
        }

        Assert.True(corrections > 300, $"{corrections} corrections only");
    }

    private static byte[] Entry(byte[] bytes, int index) => bytes[(16 + (16 * index))..(32 + (16 * index))];

    private byte[] Contents()
    {
        byte[] bytes = new byte[_region.SizeBytes];
        _file.ReadAt(bytes, 0);
        return bytes;
    }

    private void Fetch(params ushort[] heads) => Array.ForEach(heads, _queue.Fetch);

    // The part as the next back-end gets it.
    private SplitInflightQueue Next()
    {
        InflightRegion next = InflightRegion.Map(_file, _region.SizeBytes, 0, 1, Size, packed: false);
        _region.Dispose();
        _region = next;
        return _queue = (SplitInflightQueue)next.Queue(0)!;
    }
}
