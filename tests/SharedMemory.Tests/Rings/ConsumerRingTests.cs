using Nf.SharedMemory.Rings;

namespace Nf.SharedMemory.Tests.Rings;

public class ConsumerRingTests
{
    private const uint Size = 64;

    public static TheoryData<uint> Starts => ProducerRingTests.Starts;

    [Fact]
    public void Peek_RingEmpty_TakesNothing()
    {
        using var memory = new RingMemory(Size);
        ConsumerRing<ulong> ring = memory.CreateConsumer();
        Assert.False(ring.HasEntries);
        Assert.Equal(0u, ring.Peek(Size, out _));
        Assert.Equal(0u, ring.Level);
    }

    [Theory]
    [MemberData(nameof(Starts))]
    public void Peek_AnyStart_TakesEntriesInOrder(uint start)
    {
        using var memory = new RingMemory(Size, start);
        ConsumerRing<ulong> ring = memory.CreateConsumer();
        ulong next = 0;
        ulong written = 0;
        for (int round = 0; round < 5; round++)
        {
            while (memory.Producer - memory.Consumer < Size)
            {
                memory.Slot(memory.Producer) = written++;
                memory.Producer++;
            }

            Assert.True(ring.HasEntries);
            for (uint count; (count = ring.Peek(30, out uint index)) > 0;)
            {
                for (uint i = 0; i < count; i++)
                {
                    Assert.Equal(next++, ring[index + i]);
                }
            }

            Assert.NotEqual(memory.Producer, memory.Consumer);
            ring.Release();
            Assert.Equal(memory.Producer, memory.Consumer);
            Assert.Equal(written, next);
        }
    }

    [Theory]
    [MemberData(nameof(Starts))]
    public void Create_LiveRing_GoesOnWhereItStood(uint start)
    {
        using var memory = new RingMemory(Size, start);
        memory.Producer = start + 10;
        memory.Consumer = start + 3;
        ConsumerRing<ulong> ring = memory.CreateConsumer();
        Assert.Equal(7u, ring.Level);
        Assert.Equal(7u, ring.Peek(Size, out uint index));
        Assert.Equal(start + 3, index);
    }

    [Fact]
    public void Unpeek_LastEntries_ArePeekedAtAgain()
    {
        using var memory = new RingMemory(Size, uint.MaxValue - 1);
        ConsumerRing<ulong> ring = memory.CreateConsumer();
        memory.Producer += 5;
        Assert.Equal(5u, ring.Peek(5, out uint first));
        ring.Unpeek(3);
        ring.Release();
        Assert.Equal(first + 2, memory.Consumer);
        Assert.Equal(3u, ring.Peek(5, out uint again));
        Assert.Equal(first + 2, again);
    }

    [Theory]
    [InlineData(Size + 1)]
    [InlineData(uint.MaxValue)]
    [InlineData(0x8000_0000u)]
    public void Producer_ThatCannotBeTrue_Throws(uint produced)
    {
        using var memory = new RingMemory(Size, 1000);
        ConsumerRing<ulong> ring = memory.CreateConsumer();
        memory.Producer = 1000 + produced;
        RingCorruptedException e = Assert.Throws<RingCorruptedException>(() => ring.Peek(1, out _));
        Assert.Equal((1000u, 1000 + produced), (e.Ours, e.Theirs));
        Assert.Throws<RingCorruptedException>(() => memory.CreateConsumer());
    }
}
