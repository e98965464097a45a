using Nf.DataPlane.Memory;

namespace Nf.DataPlane.Tests.Memory;

public class ChunkPoolTests
{
    [Fact]
    public void TryPop_AfterPushes_GivesTheLastFirst()
    {
        using var pool = new ChunkPool(3);
        pool.Push(7);
        pool.Push(9);
        Assert.True(pool.TryPop(out uint chunk));
        Assert.Equal(9u, chunk);
        Assert.True(pool.TryPop(out chunk));
        Assert.Equal(7u, chunk);
    }

    [Fact]
    public void TryPop_Empty_GivesNothing()
    {
        using var pool = new ChunkPool(1);
        Assert.False(pool.TryPop(out _));
        Assert.Equal(0u, pool.Count);
    }

    [Fact]
    public void Push_MoreThanThereAre_IsADoubleFree()
    {
        using var pool = new ChunkPool(2);
        pool.Push(0);
        pool.Push(1);
        Assert.Throws<InvalidOperationException>(() => pool.Push(1));
    }

    [Fact]
    public void At_BeyondTheTop_IsRefused()
    {
        using var pool = new ChunkPool(2);
        pool.Push(5);
        Assert.Equal(5u, pool.At(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.At(1));
    }
}
