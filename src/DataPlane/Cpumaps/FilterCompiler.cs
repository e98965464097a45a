using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using Nf.Linux;

namespace Nf.DataPlane.Cpumaps;

/// <summary>Makes one function of the filters of a program: classic BPF becomes IL, and that machine code,
/// once.</summary>
/// <remarks>
/// The function reads no byte beyond the length it is told, whatever the code: every load is checked, but where all
/// ways to it have been checked for as much. What follows a load beyond the end, or a division by zero, is no match, as
/// in the kernel and in libpcap. The code only jumps forward, so the function ends.
/// </remarks>
internal sealed unsafe partial class FilterCompiler
{
    /// <summary>Most instructions of a program: what the kernel allows four filters. Arbitrary.</summary>
    internal const int InstructionsMax = 16384;

    private readonly ILGenerator _il;
    private readonly LocalBuilder _a;
    private readonly LocalBuilder _x;
    private readonly LocalBuilder?[] _memory = new LocalBuilder?[ClassicBpf.MemoryWords];

    private FilterCompiler(ILGenerator il)
    {
        _il = il;
        _a = il.DeclareLocal(typeof(uint));
        _x = il.DeclareLocal(typeof(uint));
    }

    /// <summary>Compiles a program.</summary>
    /// <param name="steps">The filter of each step; one without instructions matches every frame.</param>
    /// <exception cref="FormatException">An instruction is none, or leads out of its filter.</exception>
    internal static FilterProgram Compile(IReadOnlyList<ReadOnlyMemory<ClassicInstruction>> steps)
    {
        int instructions = steps.Sum(step => step.Length);
        if (instructions > InstructionsMax)
        {
            throw new FormatException($"the filters have {instructions} instructions, at most {InstructionsMax}");
        }

        var method = new DynamicMethod(
            "nf-filter", typeof(int), [typeof(byte*), typeof(uint)], typeof(FilterCompiler).Module);
        ILGenerator il = method.GetILGenerator();
        var compiler = new FilterCompiler(il);
        for (int number = 0; number < steps.Count; number++)
        {
            Label next = il.DefineLabel();
            Label match = il.DefineLabel();
            compiler.Step(steps[number].Span, match, next);
            il.MarkLabel(match);
            il.Emit(OpCodes.Ldc_I4, number);
            il.Emit(OpCodes.Ret);
            il.MarkLabel(next);
        }

        il.Emit(OpCodes.Ldc_I4_M1);
        il.Emit(OpCodes.Ret);
        FilterProgram program = method.CreateDelegate<FilterProgram>();

        // Compiled here, so that no worker has to.
        RuntimeHelpers.PrepareDelegate(program);
        return program;
    }

    private void Step(ReadOnlySpan<ClassicInstruction> code, Label match, Label noMatch)
    {
        if (code.IsEmpty)
        {
            _il.Emit(OpCodes.Br, match);
            return;
        }

        Reset(code);
        var targets = new Label[code.Length];
        for (int i = 0; i < code.Length; i++)
        {
            targets[i] = _il.DefineLabel();
        }

        // Bytes that every way to an instruction has found there; all ones where no way has led yet.
        var known = new uint[code.Length];
        Array.Fill(known, uint.MaxValue);
        known[0] = 0;
        for (int i = 0; i < code.Length; i++)
        {
            _il.MarkLabel(targets[i]);
            var at = new Place(i, code.Length, targets, known, match, noMatch);
            Emit(code[i], at);
        }
    }

    // A filter begins with nothing, whatever the one before left.
    private void Reset(ReadOnlySpan<ClassicInstruction> code)
    {
        Set(_a, 0);
        Set(_x, 0);
        foreach (ClassicInstruction instruction in code)
        {
            if (UsesMemory(instruction) && instruction.Operand < ClassicBpf.MemoryWords)
            {
                Set(Memory(instruction), 0);
            }
        }
    }

    private static bool UsesMemory(in ClassicInstruction instruction) =>
        (instruction.Code & ClassicBpf.ClassMask) switch
        {
            ClassicBpf.ClassStoreA or ClassicBpf.ClassStoreX => true,
            ClassicBpf.ClassLoadA or ClassicBpf.ClassLoadX =>
                (instruction.Code & ClassicBpf.ModeMask) == ClassicBpf.ModeMemory,
            _ => false,
        };

    private void Emit(in ClassicInstruction instruction, in Place at)
    {
        switch (instruction.Code & ClassicBpf.ClassMask)
        {
            case ClassicBpf.ClassLoadA:
                Load(instruction, _a, at);
                break;
            case ClassicBpf.ClassLoadX:
                Load(instruction, _x, at);
                break;
            case ClassicBpf.ClassStoreA:
                _il.Emit(OpCodes.Ldloc, _a);
                _il.Emit(OpCodes.Stloc, Memory(instruction));
                break;
            case ClassicBpf.ClassStoreX:
                _il.Emit(OpCodes.Ldloc, _x);
                _il.Emit(OpCodes.Stloc, Memory(instruction));
                break;
            case ClassicBpf.ClassAlu:
                Compute(instruction, at);
                break;
            case ClassicBpf.ClassJump:
                Jump(instruction, at);
                return;
            case ClassicBpf.ClassReturn:
                Return(instruction, at);
                return;
            default:
                bool toX = (instruction.Code & 0xf8) == ClassicBpf.MiscAToX;
                _il.Emit(OpCodes.Ldloc, toX ? _a : _x);
                _il.Emit(OpCodes.Stloc, toX ? _x : _a);
                break;
        }

        at.Reaches(0);
    }

    private void Load(in ClassicInstruction instruction, LocalBuilder to, in Place at)
    {
        switch (instruction.Code & ClassicBpf.ModeMask)
        {
            case ClassicBpf.ModeImmediate:
                Set(to, instruction.Operand);
                return;
            case ClassicBpf.ModeMemory:
                _il.Emit(OpCodes.Ldloc, Memory(instruction));
                break;
            case ClassicBpf.ModeLength:
                _il.Emit(OpCodes.Ldarg_1);
                break;
            case ClassicBpf.ModeAbsolute when to == _a:
                PushPacketAt(instruction.Operand, SizeOf(instruction), at);
                break;
            case ClassicBpf.ModeIndirect when to == _a:
                PushPacketAtX(instruction.Operand, SizeOf(instruction), at.NoMatch);
                break;
            case ClassicBpf.ModeHeaderLength when to == _x:
                PushPacketAt(instruction.Operand, 1, at);
                Push(0xf);
                _il.Emit(OpCodes.And);
                Push(2);
                _il.Emit(OpCodes.Shl);
                break;
            default:
                throw Unknown(instruction);
        }

        _il.Emit(OpCodes.Stloc, to);
    }

    private LocalBuilder Memory(in ClassicInstruction instruction)
    {
        if (instruction.Operand >= ClassicBpf.MemoryWords)
        {
            throw Unknown(instruction);
        }

        return _memory[instruction.Operand] ??= _il.DeclareLocal(typeof(uint));
    }

    private void PushSource(bool x, uint operand)
    {
        if (x)
        {
            _il.Emit(OpCodes.Ldloc, _x);
        }
        else
        {
            Push(operand);
        }
    }

    private void Push(uint value) => _il.Emit(OpCodes.Ldc_I4, (int)value);

    private void Set(LocalBuilder local, uint value)
    {
        Push(value);
        _il.Emit(OpCodes.Stloc, local);
    }

    private static uint SizeOf(in ClassicInstruction instruction) =>
        (instruction.Code & ClassicBpf.SizeMask) switch
        {
            ClassicBpf.SizeWord => 4,
            ClassicBpf.SizeHalf => 2,
            ClassicBpf.SizeByte => 1,
            _ => throw Unknown(instruction),
        };

    private static FormatException Unknown(in ClassicInstruction instruction) =>
        new($"classic BPF has no instruction 0x{instruction.Code:x4} with operand {instruction.Operand}");

    /// <summary>Where an instruction is, and where it can lead.</summary>
    private readonly struct Place(
        int number, int count, Label[] targets, uint[] known, Label match, Label noMatch)
    {
        internal Label Match => match;

        internal Label NoMatch => noMatch;

        /// <summary>Bytes that are there for certain.</summary>
        internal ref uint Known => ref known[number];

        /// <summary>The instruction so many behind the next one, to which this one leads.</summary>
        internal Label Reaches(uint skipped)
        {
            ulong target = (ulong)number + 1 + skipped;
            if (target >= (ulong)count)
            {
                throw new FormatException($"instruction {number} leads out of the filter");
            }

            known[target] = Math.Min(known[target], Known);
            return targets[target];
        }
    }
}
