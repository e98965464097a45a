using System.Buffers.Binary;
using System.Reflection;
using System.Reflection.Emit;
using Nf.Linux;

namespace Nf.DataPlane.Cpumaps;

// What single instructions become.
internal sealed unsafe partial class FilterCompiler
{
    private static readonly MethodInfo s_turnHalf =
        ((Func<ushort, ushort>)BinaryPrimitives.ReverseEndianness).Method;

    private static readonly MethodInfo s_turnWord = ((Func<uint, uint>)BinaryPrimitives.ReverseEndianness).Method;

    internal static uint ShiftLeft(uint value, uint bits) => bits < 32 ? value << (int)bits : 0;

    internal static uint ShiftRight(uint value, uint bits) => bits < 32 ? value >> (int)bits : 0;

    private void PushPacketAt(uint offset, uint size, in Place at)
    {
        ulong end = (ulong)offset + size;
        if (end > uint.MaxValue)
        {
            // No frame is that long. What follows is never reached, but has to be there.
            _il.Emit(OpCodes.Br, at.NoMatch);
            Push(0);
            return;
        }

        if (end > at.Known)
        {
            _il.Emit(OpCodes.Ldarg_1);
            Push((uint)end);
            _il.Emit(OpCodes.Blt_Un, at.NoMatch);
            at.Known = (uint)end;
        }

        _il.Emit(OpCodes.Ldarg_0);
        Push(offset);
        _il.Emit(OpCodes.Conv_U);
        _il.Emit(OpCodes.Add);
        Read(size);
    }

    // The sum is one of 64 bits: in 32 it could wrap to an offset that is there.
    private void PushPacketAtX(uint offset, uint size, Label noMatch)
    {
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Conv_U8);
        PushSum((ulong)offset + size);
        _il.Emit(OpCodes.Blt_Un, noMatch);
        _il.Emit(OpCodes.Ldarg_0);
        PushSum(offset);
        _il.Emit(OpCodes.Conv_U);
        _il.Emit(OpCodes.Add);
        Read(size);
    }

    private void PushSum(ulong offset)
    {
        _il.Emit(OpCodes.Ldloc, _x);
        _il.Emit(OpCodes.Conv_U8);
        _il.Emit(OpCodes.Ldc_I8, (long)offset);
        _il.Emit(OpCodes.Add);
    }

    // The packet is big-endian, at any alignment.
    private void Read(uint size)
    {
        switch (size)
        {
            case 1:
                _il.Emit(OpCodes.Ldind_U1);
                break;
            case 2:
                _il.Emit(OpCodes.Unaligned, (byte)1);
                _il.Emit(OpCodes.Ldind_U2);
                Turn(s_turnHalf);
                break;
            default:
                _il.Emit(OpCodes.Unaligned, (byte)1);
                _il.Emit(OpCodes.Ldind_U4);
                Turn(s_turnWord);
                break;
        }
    }

    private void Turn(MethodInfo turn)
    {
        if (BitConverter.IsLittleEndian)
        {
            _il.Emit(OpCodes.Call, turn);
        }
    }

    private void Compute(in ClassicInstruction instruction, in Place at)
    {
        int operation = instruction.Code & ClassicBpf.OperationMask;
        bool byX = (instruction.Code & ClassicBpf.SourceX) != 0;
        if (operation is ClassicBpf.AluDivide or ClassicBpf.AluModulo)
        {
            PushSource(byX, instruction.Operand);
            _il.Emit(OpCodes.Brfalse, at.NoMatch);
        }

        _il.Emit(OpCodes.Ldloc, _a);
        switch (operation)
        {
            case ClassicBpf.AluNegate:
                _il.Emit(OpCodes.Neg);
                break;
            case ClassicBpf.AluShiftLeft or ClassicBpf.AluShiftRight:
                PushSource(byX, instruction.Operand);
                Func<uint, uint, uint> shift = operation == ClassicBpf.AluShiftLeft ? ShiftLeft : ShiftRight;
                _il.Emit(OpCodes.Call, shift.Method);
                break;
            default:
                PushSource(byX, instruction.Operand);
                _il.Emit(OperationOf(operation, instruction));
                break;
        }

        _il.Emit(OpCodes.Stloc, _a);
    }

    private static OpCode OperationOf(int operation, in ClassicInstruction instruction) => operation switch
    {
        ClassicBpf.AluAdd => OpCodes.Add,
        ClassicBpf.AluSubtract => OpCodes.Sub,
        ClassicBpf.AluMultiply => OpCodes.Mul,
        ClassicBpf.AluDivide => OpCodes.Div_Un,
        ClassicBpf.AluModulo => OpCodes.Rem_Un,
        ClassicBpf.AluOr => OpCodes.Or,
        ClassicBpf.AluAnd => OpCodes.And,
        ClassicBpf.AluXor => OpCodes.Xor,
        _ => throw Unknown(instruction),
    };

    private void Jump(in ClassicInstruction instruction, in Place at)
    {
        int operation = instruction.Code & ClassicBpf.OperationMask;
        if (operation == ClassicBpf.JumpAlways)
        {
            _il.Emit(OpCodes.Br, at.Reaches(instruction.Operand));
            return;
        }

        Label ifTrue = at.Reaches(instruction.IfTrue);
        Label ifFalse = at.Reaches(instruction.IfFalse);
        _il.Emit(OpCodes.Ldloc, _a);
        PushSource((instruction.Code & ClassicBpf.SourceX) != 0, instruction.Operand);
        switch (operation)
        {
            case ClassicBpf.JumpEqual:
                _il.Emit(OpCodes.Beq, ifTrue);
                break;
            case ClassicBpf.JumpGreater:
                _il.Emit(OpCodes.Bgt_Un, ifTrue);
                break;
            case ClassicBpf.JumpGreaterOrEqual:
                _il.Emit(OpCodes.Bge_Un, ifTrue);
                break;
            case ClassicBpf.JumpBitsSet:
                _il.Emit(OpCodes.And);
                _il.Emit(OpCodes.Brtrue, ifTrue);
                break;
            default:
                throw Unknown(instruction);
        }

        _il.Emit(OpCodes.Br, ifFalse);
    }

    private void Return(in ClassicInstruction instruction, in Place at)
    {
        if ((instruction.Code & 0x18) == ClassicBpf.ReturnA)
        {
            _il.Emit(OpCodes.Ldloc, _a);
            _il.Emit(OpCodes.Brtrue, at.Match);
            _il.Emit(OpCodes.Br, at.NoMatch);
            return;
        }

        _il.Emit(OpCodes.Br, instruction.Operand != 0 ? at.Match : at.NoMatch);
    }
}
