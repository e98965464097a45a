using Nf.SharedMemory.Rings;

namespace Nf.SharedMemory.Tests.Rings;

public class ProducerRingTests
{
    private const uint Size = 64;

    // Indexes run freely over 32 bits; the starts that find bugs are those just before they wrap.
    public static TheoryData<uint> Starts => [0u, 1u, Size - 1, uint.MaxValue, uint.MaxValue - 1, uint.MaxValue - Size];

    [Fact]
    public void TryReserve_RingFull_ReturnsFalseAndClaimsNothing()
    {
        using var memory = new RingMemory(Size);
        ProducerRing<ulong> ring = memory.CreateProducer();
        Assert.True(ring.TryReserve(Size, out _));
        Assert.False(ring.TryReserve(1, out _));
        Assert.Equal(0u, ring.Free(1));
        memory.Consumer = 0;
        ring.Submit();
        memory.Consumer += 1;
        Assert.Equal(1u, ring.Free(5));
        Assert.False(ring.TryReserve(2, out _));
        Assert.True(ring.TryReserve(1, out uint index));
        Assert.Equal(Size, index);
    }

    [Theory]
    [MemberData(nameof(Starts))]
    public void Submit_AnyStart_PublishesSlotsInOrder(uint start)
    {
        using var memory = new RingMemory(Size, start);
        ProducerRing<ulong> ring = memory.CreateProducer();
        for (uint round = 0; round < 3; round++)
        {
            Assert.True(ring.TryReserve(Size, out uint index));
            for (uint i = 0; i < Size; i++)
            {
                ring[index + i] = (round * Size) + i;
            }

            Assert.Equal(start + (round * Size), memory.Producer);
            ring.Submit();
            Assert.Equal(start + ((round + 1) * Size), memory.Producer);
            Assert.Equal(Size, ring.Level);
            for (uint i = 0; i < Size; i++)
            {
                Assert.Equal((round * Size) + i, memory.Slot(memory.Consumer));
                memory.Consumer++;
            }
        }
    }

    [Theory]
    [MemberData(nameof(Starts))]
    public void Create_LiveRing_GoesOnWhereItStood(uint start)
    {
        using var memory = new RingMemory(Size, start);
        memory.Producer = start + 10;
        memory.Consumer = start + 3;
        ProducerRing<ulong> ring = memory.CreateProducer();
        Assert.Equal(7u, ring.Level);
        Assert.Equal(Size - 7, ring.Free(Size));
        Assert.True(ring.TryReserve(Size - 7, out uint index));
        Assert.Equal(start + 10, index);
    }

    [Fact]
    public void Unreserve_LastSlots_AreReservedAgain()
    {
        using var memory = new RingMemory(Size, uint.MaxValue - 1);
        ProducerRing<ulong> ring = memory.CreateProducer();
        ring.TryReserve(5, out uint first);
        ring.Unreserve(3);
        ring.Submit();
        Assert.Equal(first + 2, memory.Producer);
        ring.TryReserve(1, out uint again);
        Assert.Equal(first + 2, again);
    }

    [Theory]
    [InlineData(1u)]
    [InlineData(uint.MaxValue - Size)]
    [InlineData(0x8000_0000u)]
    public void Consumer_ThatCannotBeTrue_Throws(uint consumer)
    {
        using var memory = new RingMemory(Size);
        ProducerRing<ulong> ring = memory.CreateProducer();
        ring.TryReserve(Size, out _);
        memory.Consumer = Size + consumer;
        RingCorruptedException e = Assert.Throws<RingCorruptedException>(() => ring.Free(1));
        Assert.Equal((Size, Size + consumer), (e.Ours, e.Theirs));
        memory.Producer = Size;
        Assert.Throws<RingCorruptedException>(() => memory.CreateProducer());
    }

    [Fact]
    public void NeedsWakeup_FollowsTheFlag()
    {
        using var memory = new RingMemory(Size);
        ProducerRing<ulong> ring = memory.CreateProducer();
        Assert.False(ring.NeedsWakeup);
        memory.Flags = 1;
        Assert.True(ring.NeedsWakeup);
    }

    [Fact]
    public void RingSize_Default_IsRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(
            () => { unsafe { _ = new ProducerRing<ulong>(null, null, null, null, default); } });
        Assert.Throws<ArgumentOutOfRangeException>(
            () => { unsafe { _ = new ConsumerRing<ulong>(null, null, null, null, default); } });
    }

    [Theory]
    [InlineData(0u, false)]
    [InlineData(32u, false)]
    [InlineData(64u, true)]
    [InlineData(65u, false)]
    [InlineData(65536u, true)]
    [InlineData(131072u, false)]
    [InlineData(0x8000_0000u, false)]
    public void RingSize_Value_IsAPowerOfTwoInBounds(uint value, bool valid)
    {
        Assert.Equal(valid, RingSize.IsValid(value));
        Assert.Equal(valid, Record.Exception(() => new RingSize(value)) is null);
    }
}
