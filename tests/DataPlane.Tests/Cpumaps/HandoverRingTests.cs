using Nf.DataPlane.Cpumaps;

namespace Nf.DataPlane.Tests.Cpumaps;

public class HandoverRingTests
{
    [Theory]
    [InlineData(1u)]
    [InlineData(2u)]
    [InlineData(7u)]
    [InlineData(8u)]
    [InlineData(100u)]
    [InlineData(16384u)]
    public void Push_MoreThanItHolds_TakesTheFirst(uint size)
    {
        using var ring = new HandoverRing(size);
        ulong[] tokens = [.. Enumerable.Range(1, (int)size + 5).Select(i => (ulong)i)];
        Assert.Equal((int)size, ring.Push(tokens));
        Assert.Equal(0, ring.Push(tokens));
        Assert.Equal(size, ring.Level);
        Assert.Equal(tokens[..(int)size], TakeAll(ring));
        Assert.Equal(0u, ring.Level);
        Assert.False(ring.HasTokens);
    }

    [Fact]
    public void Peek_NotReleased_StillTakesRoom()
    {
        using var ring = new HandoverRing(3);
        Assert.Equal(3, ring.Push([1, 2, 3]));
        for (ulong i = 1; i <= 3; i++)
        {
            Assert.True(ring.TryPeek(out ulong token));
            Assert.Equal(i, token);
        }

        // All slots are full, and all were looked at: the first must not be seen again.
        Assert.False(ring.TryPeek(out _));
        Assert.False(ring.HasTokens);
        Assert.Equal(0, ring.Push([4]));
        ring.Release();
        Assert.Equal(1, ring.Push([4]));
        Assert.Equal([4ul], TakeAll(ring));
    }

    [Fact]
    public void Unpeek_AcrossTheEnd_IsSeenAgain()
    {
        using var ring = new HandoverRing(3);
        ring.Push([1, 2]);
        TakeAll(ring);
        ring.Push([3, 4]);
        Assert.True(ring.TryPeek(out _));
        Assert.True(ring.TryPeek(out _));
        ring.Unpeek();
        ring.Unpeek();
        Assert.Equal([3ul, 4ul], TakeAll(ring));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(8)]
    [InlineData(13)]
    [InlineData(64)]
    public void RandomWalk_AgainstAQueue_AgreesAtEveryStep(int size)
    {
        var random = new Random(size);
        using var ring = new HandoverRing((uint)size);
        var model = new Queue<ulong>();
        int peeked = 0;
        ulong next = 1;
        for (int step = 0; step < 200_000; step++)
        {
            switch (random.Next(4))
            {
                case 0:
                    ulong[] tokens = [.. Enumerable.Range(0, random.Next(1, 10)).Select(i => next + (ulong)i)];
                    int pushed = ring.Push(tokens);
                    Assert.Equal(Math.Min(tokens.Length, size - model.Count), pushed);
                    tokens[..pushed].ToList().ForEach(model.Enqueue);
                    next += (ulong)pushed;
                    break;
                case 1:
                    Assert.Equal(peeked < model.Count, ring.TryPeek(out ulong token));
                    Assert.Equal(peeked < model.Count ? model.ElementAt(peeked++) : 0, token);
                    break;
                case 2 when peeked != 0:
                    ring.Unpeek();
                    peeked--;
                    break;
                case 3:
                    ring.Release();
                    for (; peeked != 0; peeked--)
                    {
                        model.Dequeue();
                    }

                    break;
            }

            Assert.Equal((uint)model.Count, ring.Level);
            Assert.Equal(peeked < model.Count, ring.HasTokens);
        }
    }

    [Theory]
    [InlineData(3u)]
    [InlineData(64u)]
    public void Push_ThreeProducersAtOnce_EachArrivesInOrderAndOnce(uint size)
    {
        const int Producers = 3;
        const uint Each = 100_000;
        using var ring = new HandoverRing(size);
        Thread[] threads = [.. Enumerable.Range(0, Producers).Select(i => new Thread(() => Produce(ring, i, Each)))];
        Array.ForEach(threads, thread => thread.Start());
        var seen = new uint[Producers];
        for (uint taken = 0; taken < Producers * Each;)
        {
            if (!ring.TryPeek(out ulong token))
            {
                Thread.Yield();
                continue;
            }

            Assert.Equal(++seen[FrameToken.HomeOf(token)], FrameToken.RecordOf(token));
            taken++;
            if (taken % 5 == 0 || !ring.HasTokens)
            {
                ring.Release();
            }
        }

        Array.ForEach(threads, thread => thread.Join());
        Assert.False(ring.HasTokens);
    }

    private static void Produce(HandoverRing ring, int number, uint count)
    {
        ulong[] bulk = new ulong[HandoverRing.BulkMax];
        for (uint next = 1; next <= count;)
        {
            int wanted = (int)Math.Min((next % HandoverRing.BulkMax) + 1, count - next + 1);
            for (int i = 0; i < wanted; i++)
            {
                bulk[i] = FrameToken.Of(number, next + (uint)i);
            }

            int pushed = ring.Push(bulk.AsSpan(0, wanted));
            next += (uint)pushed;
            if (pushed == 0)
            {
                Thread.Yield();
            }
        }
    }

    private static List<ulong> TakeAll(HandoverRing ring)
    {
        var tokens = new List<ulong>();
        while (ring.TryPeek(out ulong token))
        {
            tokens.Add(token);
        }

        ring.Release();
        return tokens;
    }
}
