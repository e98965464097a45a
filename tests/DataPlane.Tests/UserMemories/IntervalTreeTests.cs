using Nf.DataPlane.UserMemories;

namespace Nf.DataPlane.Tests.UserMemories;

/// <summary>The tree against a list that is searched from its start.</summary>
public sealed class IntervalTreeTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Tree_RandomRanges_AgreesWithAList(int seed)
    {
        var random = new Random(seed);
        var tree = new IntervalTree<int>();
        var list = new List<IntervalTree<int>.Node>();
        for (int step = 0; step < 4000; step++)
        {
            ulong start = (ulong)random.Next(200);
            ulong last = start + (ulong)random.Next(20);
            if (list.Count < 40 || random.Next(2) == 0)
            {
                var node = new IntervalTree<int>.Node(start, last, step);
                tree.Insert(node);
                tree.Insert(node);
                list.Add(node);
            }
            else
            {
                IntervalTree<int>.Node node = list[random.Next(list.Count)];
                list.Remove(node);
                tree.Remove(node);
                tree.Remove(node);
            }

            Assert.Equal(
                list.Where(node => node.Start <= last && node.Last >= start)
                    .OrderBy(node => node.Start).ThenBy(node => node.Order).Select(node => node.Value),
                All(tree, start, last));
            Assert.Equal(list.Count, tree.Count);
        }

        list.ForEach(tree.Remove);
        Assert.True(tree.IsEmpty);
    }

    [Fact]
    public void Tree_EndsOfTheNumbers_AreOrdinaryRanges()
    {
        var tree = new IntervalTree<int>();
        tree.Insert(new IntervalTree<int>.Node(0, 0, 1));
        tree.Insert(new IntervalTree<int>.Node(ulong.MaxValue, ulong.MaxValue, 2));
        tree.Insert(new IntervalTree<int>.Node(0, ulong.MaxValue, 3));
        Assert.Equal([1, 3], All(tree, 0, 0));
        Assert.Equal([3], All(tree, 1, ulong.MaxValue - 1));
        Assert.Equal([3, 2], All(tree, ulong.MaxValue, ulong.MaxValue));
    }

    private static List<int> All(IntervalTree<int> tree, ulong start, ulong last)
    {
        var found = new List<int>();
        for (var node = tree.First(start, last); node is not null; node = tree.First(start, last, node))
        {
            found.Add(node.Value);
        }

        return found;
    }
}
