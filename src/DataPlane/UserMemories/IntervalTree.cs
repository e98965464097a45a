namespace Nf.DataPlane.UserMemories;

/// <summary>Ranges with values, and which of them overlap another one. Both ends belong to a range.</summary>
/// <remarks>
/// A treap in the order of starts, where every node knows the largest end below it: a look-up takes time that grows
/// with the logarithm of the count, as long as few ranges overlap each other. Priorities are random, so that no client
/// can choose ranges that make it deep.
/// </remarks>
internal sealed class IntervalTree<T>
{
    private Node? _root;
    private ulong _lastOrder;

    /// <summary>Whether there is no range.</summary>
    internal bool IsEmpty => _root is null;

    /// <summary>Ranges.</summary>
    internal int Count { get; private set; }

    /// <summary>Adds a range; nothing happens when it is in the tree already.</summary>
    internal void Insert(Node node)
    {
        if (node.IsIn)
        {
            return;
        }

        node.Order = ++_lastOrder;
        node.Priority = Random.Shared.Next();
        node.IsIn = true;
        node.Refresh();
        (Node? before, Node? after) = Split(_root, node);
        _root = Merge(Merge(before, node), after);
        Count++;
    }

    /// <summary>Takes a range out; nothing happens when it is not in the tree.</summary>
    internal void Remove(Node node)
    {
        if (!node.IsIn)
        {
            return;
        }

        _root = Without(_root, node);
        node.Left = node.Right = null;
        node.IsIn = false;
        Count--;
    }

    /// <summary>The first range that overlaps another one, or null.</summary>
    /// <param name="start">First of the other range.</param>
    /// <param name="last">Last of the other range.</param>
    /// <param name="after">Only ranges behind this one, which is in the tree; null for all.</param>
    internal Node? First(ulong start, ulong last, Node? after = null) => First(_root, start, last, after);

    private static Node? First(Node? node, ulong start, ulong last, Node? after)
    {
        while (node is not null && node.MaxLast >= start)
        {
            bool isBehind = after is null || after.ComesBefore(node);
            if (isBehind && First(node.Left, start, last, after) is { } found)
            {
                return found;
            }

            if (node.Start > last)
            {
                return null;
            }

            if (isBehind && node.Last >= start)
            {
                return node;
            }

            node = node.Right;
        }

        return null;
    }

    // What comes before a node, and what after.
    private static (Node? Before, Node? After) Split(Node? tree, Node at)
    {
        if (tree is null)
        {
            return (null, null);
        }

        if (tree.ComesBefore(at))
        {
            (tree.Right, Node? after) = Split(tree.Right, at);
            tree.Refresh();
            return (tree, after);
        }

        (Node? before, tree.Left) = Split(tree.Left, at);
        tree.Refresh();
        return (before, tree);
    }

    // All of the first comes before all of the second.
    private static Node? Merge(Node? first, Node? second)
    {
        if (first is null || second is null)
        {
            return first ?? second;
        }

        if (first.Priority >= second.Priority)
        {
            first.Right = Merge(first.Right, second);
            first.Refresh();
            return first;
        }

        second.Left = Merge(first, second.Left);
        second.Refresh();
        return second;
    }

    private static Node? Without(Node? tree, Node node)
    {
        if (ReferenceEquals(tree, node))
        {
            return Merge(node.Left, node.Right);
        }

        if (node.ComesBefore(tree!))
        {
            tree!.Left = Without(tree.Left, node);
        }
        else
        {
            tree!.Right = Without(tree.Right, node);
        }

        tree.Refresh();
        return tree;
    }

    /// <summary>A range with its value; in one tree at most.</summary>
    internal sealed class Node(ulong start, ulong last, T value)
    {
        internal ulong Start { get; } = start;

        /// <summary>The last that still belongs to it.</summary>
        internal ulong Last { get; } = last;

        internal T Value { get; } = value;

        /// <summary>Whether it is in a tree.</summary>
        internal bool IsIn { get; set; }

        internal Node? Left { get; set; }

        internal Node? Right { get; set; }

        internal ulong MaxLast { get; private set; }

        internal int Priority { get; set; }

        internal ulong Order { get; set; }

        internal bool ComesBefore(Node other) =>
            Start != other.Start ? Start < other.Start : Order < other.Order;

        internal void Refresh()
        {
            MaxLast = Math.Max(Last, Math.Max(Left?.MaxLast ?? 0, Right?.MaxLast ?? 0));
        }
    }
}
