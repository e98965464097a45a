using Nf.DataPlane.Cpumaps;
using Nf.Linux;

namespace Nf.DataPlane.Steering;

/// <summary>What the rules of an interface are compiled for.</summary>
/// <param name="Sockets">The interface's XSKMAP.</param>
/// <param name="Counters">PERCPU_ARRAY of <see cref="RuleCounters"/>.</param>
/// <param name="Slots">The slot of each rule there, then that of no rule, then that of management.</param>
/// <param name="Frags">Whether frames may have several buffers.</param>
internal sealed record RuleMaps(BpfMap Sockets, BpfMap Counters, IReadOnlyList<uint> Slots, bool Frags);

/// <summary>
/// Writes rules as one function of a program: management, then the tree of questions, then a block for each rule that
/// counts the packet and sends it on its way.
/// </summary>
internal sealed class RuleCompiler
{
    // R6 the flow, R7 and R8 where the frame begins and ends as long as filters need them, R9 the context.
    private const BpfRegister FlowRegister = BpfRegister.R6;
    private const BpfRegister Start = BpfRegister.R7;
    private const BpfRegister End = BpfRegister.R8;
    private const BpfRegister Context = BpfRegister.R9;
    private const BpfRegister Frame = BpfRegister.Frame;

    // struct xdp_md.
    private const int ContextData = 0;
    private const int ContextDataEnd = 4;
    private const int ContextQueue = 16;

    private readonly BpfAssembler _code;
    private readonly CompiledRules _rules;
    private readonly RuleMaps? _maps;
    private readonly RuleData _data;
    private readonly SelectionCompiler.Tables[] _tables;
    private readonly SelectionCompiler _selection;
    private readonly BpfLabel[] _blocks;

    private RuleCompiler(
        BpfAssembler code, CompiledRules rules, RuleMaps? maps, RuleData data, SelectionCompiler.Tables[] tables)
    {
        _code = code;
        _rules = rules;
        _maps = maps;
        _data = data;
        _tables = tables;
        _selection = new SelectionCompiler(_code, _data);
        _blocks = new BpfLabel[rules.Rules.Count + 2];
        for (int i = 0; i < _blocks.Length; i++)
        {
            _blocks[i] = _code.NewLabel();
        }
    }

    /// <summary>Puts what the rules look up into the data; before its map is made.</summary>
    internal static SelectionCompiler.Tables[] AddTables(CompiledRules rules, RuleData data) =>
    [
        .. rules.Rules.Select(rule => rule.Action).Append(rules.Default).Select(
            action => action.Selector is { } selector ? SelectionCompiler.AddTables(selector, data) : default),
    ];

    /// <summary>Writes the program that runs on the interface.</summary>
    /// <param name="rules">The rules.</param>
    /// <param name="maps">Where packets go and are counted.</param>
    /// <param name="data">What the rules look up; its map exists.</param>
    /// <param name="tables">Where that is.</param>
    /// <param name="into">Code that runs before, with R1 the context at its end; a bench makes packets differ
    /// so.</param>
    internal static BpfAssembler Compile(
        CompiledRules rules, RuleMaps maps, RuleData data, SelectionCompiler.Tables[] tables,
        BpfAssembler? into = null) =>
        new RuleCompiler(into ?? new BpfAssembler(), rules, maps, data, tables).Compile(maps.Frags);

    /// <summary>
    /// Writes one that only says what it would do, as a <see cref="SteeringVerdictCode"/>: the same parser and the same
    /// questions, no counter, no map of sockets or CPUs.
    /// </summary>
    internal static BpfAssembler CompileExplaining(
        CompiledRules rules, RuleData data, SelectionCompiler.Tables[] tables) =>
        new RuleCompiler(new BpfAssembler(), rules, null, data, tables).Compile(frags: false);

    private BpfAssembler Compile(bool frags)
    {
        BpfLabel start = _code.NewLabel();
        ParserCode.Emit(_code, frags, start);
        _code.Place(start);
        _code.Alu(BpfAlu.Move, FlowRegister, BpfRegister.R1);
        _code.Alu(BpfAlu.Move, Context, BpfRegister.R2);
        if (_rules.HasFilters)
        {
            _code.Load(BpfSize.Word, Start, Context, ContextData);
            _code.Load(BpfSize.Word, End, Context, ContextDataEnd);
        }

        if (_rules.KeepManagement)
        {
            _code.Load(BpfSize.Word, BpfRegister.R1, FlowRegister, At((int)FlowField.State));
            _code.Jump32(BpfJump.BitsSet, BpfRegister.R1, Flow.Management, _blocks[_rules.ManagementIndex]);
        }

        var filters = new FilterTranslator(_code, FlowRegister, At((int)FlowField.Length));
        foreach (PcapFilter filter in _rules.ManagementFilters)
        {
            BpfLabel next = _code.NewLabel();
            filters.Translate(filter, _blocks[_rules.ManagementIndex], next);
            _code.Place(next);
        }

        EmitNode(RuleTree.Build(_rules.Rules), filters, known: -1);
        for (int i = 0; i < _rules.Rules.Count; i++)
        {
            EmitBlock(i, _rules.Rules[i].Action);
        }

        EmitBlock(_rules.DefaultIndex, _rules.Default);
        EmitBlock(_rules.ManagementIndex, new CompiledAction(SteeringTarget.Pass));
        return _code;
    }

    // known: the word of the flow that is in R1.
    private void EmitNode(RuleNode node, FilterTranslator filters, int known)
    {
        switch (node)
        {
            case RuleSplit split:
                BpfLabel from = _code.NewLabel();
                EmitField(split.Field, ref known);
                _code.Jump32(BpfJump.GreaterOrEqual, BpfRegister.R1, split.Value, from);
                EmitNode(split.Below, filters, known);
                _code.Place(from);
                EmitNode(split.From, filters, known);
                break;
            case RuleLeaf leaf:
                foreach (int index in leaf.Rules)
                {
                    EmitRule(index, leaf.Region, filters, ref known);
                }

                _code.Jump(_blocks[_rules.DefaultIndex]);
                break;
        }
    }

    private void EmitRule(int index, FlowRegion region, FilterTranslator filters, ref int known)
    {
        CompiledRule rule = _rules.Rules[index];
        BpfLabel next = _code.NewLabel();
        int before = known;
        foreach (FieldRange range in rule.Ranges.Where(range => !region.IsWithin(range)))
        {
            EmitField(range.Field, ref known);
            EmitTest(range, region, next);
        }

        if (rule.Filter is { } filter)
        {
            filters.Translate(filter, _blocks[index], next);
        }
        else
        {
            _code.Jump(_blocks[index]);
        }

        _code.Place(next);

        // Several ways lead here, each with another word loaded, unless there was nothing to load.
        known = known == before && rule.Filter is null ? known : -1;
    }

    private void EmitTest(FieldRange range, FlowRegion region, BpfLabel next)
    {
        if (range.First == range.Last)
        {
            _code.Jump32(BpfJump.NotEqual, BpfRegister.R1, range.First, next);
            return;
        }

        if (range.First > region.First[range.Field])
        {
            _code.Jump32(BpfJump.Less, BpfRegister.R1, range.First, next);
        }

        if (range.Last < region.Last[range.Field])
        {
            _code.Jump32(BpfJump.Greater, BpfRegister.R1, range.Last, next);
        }
    }

    private void EmitField(int field, ref int known)
    {
        if (known != field)
        {
            _code.Load(BpfSize.Word, BpfRegister.R1, FlowRegister, At(field));
            known = field;
        }
    }

    private void EmitBlock(int index, CompiledAction action)
    {
        _code.Place(_blocks[index]);
        _code.Alu(BpfAlu.Move, BpfRegister.R7, 0); // the turn of a round robin where nothing counts
        if (_maps is not null)
        {
            EmitCount(_maps.Counters, _maps.Slots[index]);
        }

        if (action.Target is SteeringTarget.Pass or SteeringTarget.Drop)
        {
            EmitVerdict(index, action.Target, SteeringVerdictCode.NoCpu);
            return;
        }

        if (action.Target == SteeringTarget.Cpumap)
        {
            BpfLabel none = _code.NewLabel();
            _selection.Emit(action.Selector!, _tables[index], none);
            EmitCpu(index, action);
            _code.Place(none);
            EmitVerdict(index, action.DropElse ? SteeringTarget.Drop : SteeringTarget.Pass, SteeringVerdictCode.NoCpu);
            return;
        }

        if (_maps is null)
        {
            EmitVerdict(index, SteeringTarget.Xsk, SteeringVerdictCode.NoCpu);
            return;
        }

        _code.Load(BpfSize.Word, BpfRegister.R2, Context, ContextQueue);
        EmitRedirect(_maps.Sockets, action.DropElse);
    }

    // The CPU is in R2.
    private void EmitCpu(int index, CompiledAction action)
    {
        if (_maps is not null)
        {
            EmitRedirect(action.Cpumap!.Map, action.DropElse);
            return;
        }

        _code.Alu32(BpfAlu.ShiftLeft, BpfRegister.R2, (uint)SteeringVerdictCode.CpuShift);
        _code.Alu32(
            BpfAlu.Or, BpfRegister.R2, SteeringVerdictCode.Pack(SteeringTarget.Cpumap, index, 0));
        _code.Alu32(BpfAlu.Move, BpfRegister.R0, BpfRegister.R2);
        _code.Exit();
    }

    // R7 becomes the number of packets before this one.
    private void EmitCount(BpfMap counters, uint slot)
    {
        BpfLabel lost = _code.NewLabel();
        _code.Store(BpfSize.Word, Frame, -4, (int)slot);
        _code.Alu(BpfAlu.Move, BpfRegister.R2, Frame);
        _code.Alu(BpfAlu.Add, BpfRegister.R2, -4);
        _code.MoveMap(BpfRegister.R1, counters);
        _code.Call(LinuxBpf.BPF_FUNC_map_lookup_elem);
        _code.Jump64(BpfJump.Equal, BpfRegister.R0, 0, lost); // never: the slot exists
        _code.Load(BpfSize.DoubleWord, BpfRegister.R7, BpfRegister.R0, RuleCounters.PacketsOffset);
        _code.Alu(BpfAlu.Move, BpfRegister.R1, BpfRegister.R7);
        _code.Alu(BpfAlu.Add, BpfRegister.R1, 1);
        _code.Store(BpfSize.DoubleWord, BpfRegister.R0, RuleCounters.PacketsOffset, BpfRegister.R1);
        _code.Load(BpfSize.DoubleWord, BpfRegister.R1, BpfRegister.R0, RuleCounters.BytesOffset);
        _code.Load(BpfSize.Word, BpfRegister.R2, FlowRegister, At((int)FlowField.Length));
        _code.Alu(BpfAlu.Add, BpfRegister.R1, BpfRegister.R2);
        _code.Store(BpfSize.DoubleWord, BpfRegister.R0, RuleCounters.BytesOffset, BpfRegister.R1);
        _code.Place(lost);
    }

    private void EmitVerdict(int index, SteeringTarget target, uint cpu)
    {
        uint result = _maps is null ? SteeringVerdictCode.Pack(target, index, cpu)
            : target == SteeringTarget.Drop ? LinuxBpf.XDP_DROP
            : LinuxBpf.XDP_PASS;
        _code.Alu32(BpfAlu.Move, BpfRegister.R0, result);
        _code.Exit();
    }

    // The slot is in R2; the flags of the helper are the verdict where there is nothing in it.
    private void EmitRedirect(BpfMap map, bool dropElse)
    {
        _code.MoveMap(BpfRegister.R1, map);
        _code.Alu32(BpfAlu.Move, BpfRegister.R3, dropElse ? LinuxBpf.XDP_DROP : LinuxBpf.XDP_PASS);
        _code.Call(LinuxBpf.BPF_FUNC_redirect_map);
        _code.Exit();
    }

    private static int At(int field) => field * sizeof(uint);
}
