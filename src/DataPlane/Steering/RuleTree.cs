using Nf.DataPlane.Cpumaps;

namespace Nf.DataPlane.Steering;

/// <summary>Part of all flows that there can be: a range for every word.</summary>
internal readonly struct FlowRegion
{
    private FlowRegion(uint[] first, uint[] last) => (First, Last) = (first, last);

    /// <summary>The lowest value of each word.</summary>
    internal uint[] First { get; }

    /// <summary>The highest.</summary>
    internal uint[] Last { get; }

    /// <summary>All of them.</summary>
    internal static FlowRegion All
    {
        get
        {
            uint[] last = new uint[Flow.FieldCount];
            last.AsSpan().Fill(uint.MaxValue);
            return new FlowRegion(new uint[Flow.FieldCount], last);
        }
    }

    /// <summary>Those whose word is below a value.</summary>
    internal FlowRegion Below(int field, uint value)
    {
        uint[] last = [.. Last];
        last[field] = value - 1;
        return new FlowRegion(First, last);
    }

    /// <summary>Those whose word is not below a value.</summary>
    internal FlowRegion From(int field, uint value)
    {
        uint[] first = [.. First];
        first[field] = value;
        return new FlowRegion(first, Last);
    }

    /// <summary>Whether any flow in it passes a test.</summary>
    internal bool Meets(FieldRange range) => range.First <= Last[range.Field] && range.Last >= First[range.Field];

    /// <summary>Whether every flow in it passes a test.</summary>
    internal bool IsWithin(FieldRange range) => range.First <= First[range.Field] && range.Last >= Last[range.Field];
}

/// <summary>A place in the tree of questions that finds the first rule that matches.</summary>
internal abstract record RuleNode;

/// <summary>Ask one rule after the other.</summary>
/// <param name="Rules">Indexes, ascending.</param>
/// <param name="Region">What is known of the flow: tests that hold for all of it need not be made.</param>
internal sealed record RuleLeaf(IReadOnlyList<int> Rules, FlowRegion Region) : RuleNode;

/// <summary>Go on where a word says.</summary>
/// <param name="Field">Which word.</param>
/// <param name="Value">Where the upper part begins.</param>
/// <param name="Below">For lower values.</param>
/// <param name="From">For this value and higher ones.</param>
internal sealed record RuleSplit(int Field, uint Value, RuleNode Below, RuleNode From) : RuleNode;

/// <summary>
/// Builds the tree: cuts the space of all flows in two again and again, where that leaves the fewest rules on the
/// larger side, until a few rules are left to be asked one by one. Rules keep their order on both sides of a cut, so
/// the first that matches stays the first. For 64 rules that differ in a port it takes six comparisons in place of 64.
/// </summary>
internal sealed class RuleTree
{
    // As few as a further comparison is not worth.
    private const int LeafRulesMax = 2;

    // Cuts that are weighed for each word of the flow.
    private const int CutsMax = 9;

    private readonly IReadOnlyList<CompiledRule> _rules;
    private int _copiesLeft;

    private RuleTree(IReadOnlyList<CompiledRule> rules)
    {
        _rules = rules;

        // A rule that lies across a cut is on both sides of it. This bounds the code to some multiple of the rules.
        _copiesLeft = (16 * rules.Count) + 64;
    }

    internal static RuleNode Build(IReadOnlyList<CompiledRule> rules)
    {
        var tree = new RuleTree(rules);
        return tree.Build([.. Enumerable.Range(0, rules.Count)], FlowRegion.All);
    }

    private RuleNode Build(List<int> candidates, FlowRegion region)
    {
        List<int> live = Live(candidates, region);
        if (live.Count <= LeafRulesMax || _copiesLeft <= 0 || BestCut(live, region) is not { } cut)
        {
            _copiesLeft -= live.Count;
            return new RuleLeaf(live, region);
        }

        _copiesLeft--;
        return new RuleSplit(
            cut.Field, cut.Value,
            Build(live, region.Below(cut.Field, cut.Value)),
            Build(live, region.From(cut.Field, cut.Value)));
    }

    // The rules that can match in the region; none after one that matches everywhere in it.
    private List<int> Live(List<int> candidates, FlowRegion region)
    {
        var live = new List<int>();
        foreach (int index in candidates)
        {
            CompiledRule rule = _rules[index];
            if (!rule.Ranges.All(region.Meets))
            {
                continue;
            }

            live.Add(index);
            if (rule.Filter is null && rule.Ranges.All(region.IsWithin))
            {
                break;
            }
        }

        return live;
    }

    private (int Field, uint Value)? BestCut(List<int> live, FlowRegion region)
    {
        (int Field, uint Value)? best = null;
        int bestCost = 2 * live.Count; // no cut: all rules on one side, none copied
        foreach ((int field, uint value) in Cuts(live, region))
        {
            int below = 0;
            int from = 0;
            foreach (int index in live)
            {
                FieldRange? range = RangeOf(index, field);
                below += range is not { } r || r.First < value ? 1 : 0;
                from += range is not { } s || s.Last >= value ? 1 : 0;
            }

            // The larger side counts most; copies count too, or code grows for nothing.
            int cost = Math.Max(below, from) + ((below + from) / 2);
            if (Math.Max(below, from) < live.Count && cost < bestCost)
            {
                (best, bestCost) = ((field, value), cost);
            }
        }

        return best;
    }

    private IEnumerable<(int Field, uint Value)> Cuts(List<int> live, FlowRegion region)
    {
        for (int field = 0; field < Flow.FieldCount; field++)
        {
            var values = new SortedSet<uint>();
            foreach (int index in live)
            {
                if (RangeOf(index, field) is { } range)
                {
                    AddInside(values, range.First, region, field);
                    if (range.Last != uint.MaxValue)
                    {
                        AddInside(values, range.Last + 1, region, field);
                    }
                }
            }

            uint[] all = [.. values];
            int count = Math.Min(all.Length, CutsMax);
            for (int i = 0; i < count; i++)
            {
                yield return (field, all[((2 * i) + 1) * all.Length / (2 * count)]);
            }
        }
    }

    private static void AddInside(SortedSet<uint> values, uint value, FlowRegion region, int field)
    {
        if (value > region.First[field] && value <= region.Last[field])
        {
            values.Add(value);
        }
    }

    private FieldRange? RangeOf(int index, int field)
    {
        foreach (FieldRange range in _rules[index].Ranges)
        {
            if (range.Field == field)
            {
                return range;
            }
        }

        return null;
    }
}
