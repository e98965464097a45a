using Nf.DataPlane.Forwarding;

namespace Nf.DataPlane.Tests.Forwarding;

public class MacTableTests
{
    private const uint Age = 1000;

    [Fact]
    public void Learn_ThenFind_KnowsUntilItIsTooOld()
    {
        using var table = new MacTable(100, 100, Age, 4);
        Assert.Equal(-1, table.Find(2, 0));
        Assert.Equal(MacTable.Lesson.New, table.Learn(2, 3, uint.MaxValue - 10));
        Assert.Equal(3, table.Find(2, uint.MaxValue));
        Assert.Equal(3, table.Find(2, Age - 11));
        Assert.Equal(-1, table.Find(2, Age - 10));
        Assert.Equal(1u, table.Count);
        table.SweepAll(Age - 11);
        Assert.Equal(1u, table.Count);
        table.SweepAll(Age - 10);
        Assert.Equal(0u, table.Count);
        Assert.Equal(1u, table.Aged);
    }

    [Fact]
    public void Learn_OnAnotherEnd_Moves()
    {
        using var table = new MacTable(100, 100, Age, 4);
        table.Learn(2, 0, 0);
        Assert.Equal(MacTable.Lesson.Known, table.Learn(2, 0, 500));
        Assert.Equal(MacTable.Lesson.Moved, table.Learn(2, 1, 600));
        Assert.Equal(1, table.Find(2, 600));
        Assert.Equal(0u, table.CountOf(0));
        Assert.Equal(1u, table.CountOf(1));

        // Long after it was forgotten it has not moved, it is new.
        Assert.Equal(MacTable.Lesson.New, table.Learn(2, 0, 600 + Age + 1));
        Assert.Equal(1u, table.Count);
    }

    [Fact]
    public void Learn_TableOrEndFull_LearnsNoMore()
    {
        using var table = new MacTable(20, 5, Age, 8);
        for (ulong i = 0; i < 8; i++)
        {
            Assert.Equal(i < 5 ? MacTable.Lesson.New : MacTable.Lesson.Full, table.Learn(2 + (2 * i), 0, 0));
        }

        for (ulong i = 0; i < 30; i++)
        {
            table.Learn(1000 + (2 * i), 1 + (int)(i % 7), 0);
        }

        Assert.Equal(20u, table.Count);
        Assert.Equal(5u, table.CountOf(0));
        Assert.Equal(MacTable.Lesson.Known, table.Learn(2, 0, 5));

        // Who goes to an end that is full is known nowhere: he is not where he was.
        Assert.Equal(MacTable.Lesson.Full, table.Learn(1000, 0, 5));
        Assert.Equal(-1, table.Find(1000, 5));
        Assert.Equal(19u, table.Count);
    }

    [Fact]
    public void Forget_End_LeavesTheOthers()
    {
        using var table = new MacTable(1000, 1000, Age, 3);
        for (ulong i = 0; i < 900; i++)
        {
            table.Learn(2 * i, (int)(i % 3), 0);
        }

        table.Forget(1);
        Assert.Equal(600u, table.Count);
        for (ulong i = 0; i < 900; i++)
        {
            Assert.Equal(i % 3 == 1 ? -1 : (int)(i % 3), table.Find(2 * i, 0));
        }
    }

    [Fact]
    public void AnyOperations_KnowsWhatADictionaryKnows()
    {
        var random = new Random(3);
        using var table = new MacTable(256, 200, 50, 4);
        var model = new Dictionary<ulong, (int End, uint Seen)>();
        for (uint step = 0; step < 300_000; step++)
        {
            uint now = step / 8;
            ulong mac = (ulong)random.Next(400) << (random.Next(2) * 30);
            switch (random.Next(10))
            {
                case < 5:
                    int end = random.Next(4);
                    if (table.Learn(mac, end, now) is MacTable.Lesson.Full)
                    {
                        // Only those of the end it was on may stay known.
                        if (model.TryGetValue(mac, out (int End, uint Seen) known) && known.End != end)
                        {
                            model.Remove(mac);
                        }
                    }
                    else
                    {
                        model[mac] = (end, now);
                    }

                    break;
                case < 9:
                    int expected = model.TryGetValue(mac, out (int End, uint Seen) entry) && now - entry.Seen <= 50
                        ? entry.End
                        : -1;
                    Assert.Equal(expected, table.Find(mac, now));
                    break;
                default:
                    table.Sweep(now, 16);
                    break;
            }
        }

        table.SweepAll(300_000 / 8);
        Assert.Equal(
            model.Where(entry => (300_000 / 8) - entry.Value.Seen <= 50).Select(entry => entry.Key).Order(),
            table.ToList().Select(entry => entry.Mac).Order());
        Assert.Equal(table.Count, Enumerable.Range(0, 4).Aggregate(0u, (sum, end) => sum + table.CountOf(end)));
    }

    // A station that chooses its addresses does not know the secret factor, and finds no long search.
    [Fact]
    public void Learn_AddressesThatFollowEachOther_AllFit()
    {
        foreach (int shift in new[] { 1, 8, 16, 24, 36 })
        {
            using var table = new MacTable(2048, 2048, Age, 1);
            for (ulong i = 0; i < 2048; i++)
            {
                Assert.Equal(MacTable.Lesson.New, table.Learn((i + 1) << shift, 0, 0));
            }
        }
    }
}
