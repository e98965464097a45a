using Nf.DataPlane.Cpumaps;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Steering;

/// <summary>Writes the choice of a CPU as instructions: to the letter what <see cref="CpuSelector"/> does.</summary>
/// <remarks>
/// R6 is the flow, R7 how many packets the rule had before (round robin); R0 to R5 and R8 are used in between, and R7
/// by prefixes of IPv6. The CPU comes out in R2.
/// </remarks>
internal sealed class SelectionCompiler(BpfAssembler code, RuleData data)
{
    private const BpfRegister Flow = BpfRegister.R6;
    private const BpfRegister Turn = BpfRegister.R7;
    private const BpfRegister Cpu = BpfRegister.R2;
    private const BpfRegister R1 = BpfRegister.R1;
    private const BpfRegister R2 = BpfRegister.R2;
    private const BpfRegister R3 = BpfRegister.R3;
    private const BpfRegister R4 = BpfRegister.R4;
    private const BpfRegister R5 = BpfRegister.R5;

    private const uint SpreadTwofold = unchecked(FlowHash.Spread * FlowHash.Spread);
    private const uint SpreadFourfold = unchecked(SpreadTwofold * SpreadTwofold);

    /// <summary>What a selector looks up, put where the code will find it.</summary>
    /// <param name="Cpus">Where the list of CPUs begins, in bytes.</param>
    /// <param name="Prefixes">Where the table of prefixes begins.</param>
    internal readonly record struct Tables(uint Cpus, uint Prefixes);

    /// <summary>Puts what a selector looks up into the data.</summary>
    internal static Tables AddTables(CpuSelector selector, RuleData data) => new(
        selector.Kind == CpuSelectionKind.Fixed || IsRun(selector.Cpus) ? 0 : data.Add(selector.Cpus),
        selector.Prefixes is { Count: > 0 } prefixes ? data.Add(prefixes.Words) : 0);

    /// <summary>Writes the choice.</summary>
    /// <param name="selector">What to choose from.</param>
    /// <param name="tables">From <see cref="AddTables"/>.</param>
    /// <param name="none">Where to go when there is none to choose.</param>
    internal void Emit(CpuSelector selector, Tables tables, BpfLabel none)
    {
        if (selector.Kind == CpuSelectionKind.Fixed)
        {
            code.Alu32(BpfAlu.Move, Cpu, selector.FixedCpu);
            return;
        }

        BpfLabel done = code.NewLabel();
        if (selector.Kind == CpuSelectionKind.SourcePrefix && selector.Prefixes!.Count != 0)
        {
            new PrefixCompiler(code, data).Emit(selector.Prefixes, tables.Prefixes, done);
        }

        int count = selector.Cpus.Length;
        switch (selector.Kind)
        {
            case var _ when count == 0:
                code.Jump(none);
                break;
            case var _ when count == 1:
                code.Alu32(BpfAlu.Move, Cpu, selector.Cpus[0]);
                break;
            case CpuSelectionKind.RoundRobin:
                code.Alu(BpfAlu.Move, R1, Turn);
                code.Alu(BpfAlu.Modulo, R1, count);
                EmitLookup(selector.Cpus, tables.Cpus, none);
                break;
            case CpuSelectionKind.L4Port:
                EmitLowerPort();
                code.Alu32(BpfAlu.Modulo, R1, (uint)count);
                EmitLookup(selector.Cpus, tables.Cpus, none);
                break;
            default:
                EmitHash();
                code.Alu(BpfAlu.Multiply, R1, count);
                code.Alu(BpfAlu.ShiftRight, R1, 32);
                EmitLookup(selector.Cpus, tables.Cpus, none);
                break;
        }

        code.Place(done);
    }

    // From the index in R1 to the CPU in R2.
    private void EmitLookup(ReadOnlySpan<uint> cpus, uint table, BpfLabel none)
    {
        if (IsRun(cpus))
        {
            code.Alu(BpfAlu.Move, Cpu, R1);
            code.Alu(BpfAlu.Add, Cpu, (int)cpus[0]);
            return;
        }

        // Never taken; the verifier does not know what a remainder is.
        code.Jump64(BpfJump.Greater, R1, cpus.Length - 1, none);
        code.Alu(BpfAlu.ShiftLeft, R1, 2);
        code.MoveMapValue(R3, data.Map!, table);
        code.Alu(BpfAlu.Add, R3, R1);
        code.Load(BpfSize.Word, Cpu, R3, 0);
    }

    // Into R1; 0 without ports.
    private void EmitLowerPort()
    {
        BpfLabel done = code.NewLabel();
        BpfLabel without = code.NewLabel();
        code.Load(BpfSize.Word, R3, Flow, At(FlowField.State));
        code.Jump32(BpfJump.BitsSet, R3, Cpumaps.Flow.Fragment, without);
        code.Load(BpfSize.Word, R1, Flow, At(FlowField.SourcePort));
        code.Jump32(BpfJump.Equal, R1, Cpumaps.Flow.NoPort, without);
        code.Load(BpfSize.Word, R2, Flow, At(FlowField.DestinationPort));
        code.Jump32(BpfJump.LessOrEqual, R1, R2, done);
        code.Alu32(BpfAlu.Move, R1, R2);
        code.Jump(done);
        code.Place(without);
        code.Alu32(BpfAlu.Move, R1, 0u);
        code.Place(done);
    }

    // Into R1: FlowHash.Of.
    private void EmitHash()
    {
        BpfLabel other = code.NewLabel();
        BpfLabel ipv4 = code.NewLabel();
        BpfLabel ports = code.NewLabel();
        BpfLabel mix = code.NewLabel();
        code.Load(BpfSize.Word, R3, Flow, At(FlowField.Version));
        code.Jump32(BpfJump.Equal, R3, 0u, other);
        code.Load(BpfSize.Word, R1, Flow, At(FlowField.Source));
        code.Load(BpfSize.Word, R2, Flow, At(FlowField.Destination));
        code.Load(BpfSize.Word, R4, Flow, At(FlowField.HashProtocol));
        code.Jump32(BpfJump.Equal, R3, 4, ipv4);
        for (int word = 1; word < 4; word++)
        {
            EmitFold(R1, At(FlowField.Source) + (word * sizeof(uint)));
            EmitFold(R2, At(FlowField.Destination) + (word * sizeof(uint)));
        }

        code.Alu32(BpfAlu.Multiply, R1, FlowHash.Spread);
        code.Alu32(BpfAlu.Multiply, R2, FlowHash.Spread);
        code.Jump(ports);

        // The other words are zero, so what was multiplied four times can be at once.
        code.Place(ipv4);
        code.Alu32(BpfAlu.Multiply, R1, SpreadFourfold);
        code.Alu32(BpfAlu.Multiply, R2, SpreadFourfold);

        code.Place(ports);
        code.Load(BpfSize.Word, R3, Flow, At(FlowField.State));
        code.Jump32(BpfJump.BitsSet, R3, Cpumaps.Flow.Fragment, mix);
        code.Load(BpfSize.Word, R3, Flow, At(FlowField.SourcePort));
        code.Jump32(BpfJump.Equal, R3, Cpumaps.Flow.NoPort, mix);
        code.Alu32(BpfAlu.Add, R1, R3);
        code.Load(BpfSize.Word, R5, Flow, At(FlowField.DestinationPort));
        code.Alu32(BpfAlu.Add, R2, R5);
        code.Jump(mix);

        code.Place(other);
        code.Load(BpfSize.Word, R1, Flow, At(FlowField.SourceMac));
        code.Load(BpfSize.Word, R2, Flow, At(FlowField.DestinationMac));
        EmitFold(R1, At(FlowField.SourceMac) + sizeof(uint));
        EmitFold(R2, At(FlowField.DestinationMac) + sizeof(uint));
        code.Load(BpfSize.Word, R4, Flow, At(FlowField.Ethertype));
        code.Alu32(BpfAlu.Or, R4, FlowHash.EthertypeFlag);

        code.Place(mix);
        EmitMix();
    }

    private void EmitMix()
    {
        BpfLabel ordered = code.NewLabel();
        code.Jump32(BpfJump.GreaterOrEqual, R1, R2, ordered);
        code.Alu32(BpfAlu.Move, R3, R1);
        code.Alu32(BpfAlu.Move, R1, R2);
        code.Alu32(BpfAlu.Move, R2, R3);
        code.Place(ordered);
        code.Alu(BpfAlu.ShiftLeft, R1, 32);
        code.Alu(BpfAlu.Or, R1, R2);
        code.Move64(R3, FlowHash.Mix1);
        code.Alu(BpfAlu.Multiply, R4, R3);
        code.Alu(BpfAlu.Add, R1, R4);
        EmitMixStep(R1, R3, R4);
        code.Move64(R3, FlowHash.Mix2);
        EmitMixStep(R1, R3, R4);
        code.Alu(BpfAlu.ShiftRight, R1, 32);
    }

    private void EmitMixStep(BpfRegister value, BpfRegister factor, BpfRegister scratch)
    {
        code.Alu(BpfAlu.Move, scratch, value);
        code.Alu(BpfAlu.ShiftRight, scratch, 32);
        code.Alu(BpfAlu.Xor, value, scratch);
        code.Alu(BpfAlu.Multiply, value, factor);
    }

    private void EmitFold(BpfRegister sum, int offset)
    {
        code.Alu32(BpfAlu.Multiply, sum, FlowHash.Spread);
        code.Load(BpfSize.Word, R3, Flow, offset);
        code.Alu32(BpfAlu.Add, sum, R3);
    }

    private static bool IsRun(ReadOnlySpan<uint> cpus) =>
        cpus.Length == 0 || cpus[^1] - cpus[0] == (uint)cpus.Length - 1;

    private static int At(FlowField field) => (int)field * sizeof(uint);
}
