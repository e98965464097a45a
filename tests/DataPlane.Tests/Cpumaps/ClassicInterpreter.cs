using System.Buffers.Binary;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Cpumaps;

/// <summary>Classic BPF as its description reads, one instruction after the other.</summary>
internal static class ClassicInterpreter
{
    internal static bool Matches(ReadOnlySpan<ClassicInstruction> code, ReadOnlySpan<byte> packet)
    {
        uint a = 0;
        uint x = 0;
        Span<uint> memory = stackalloc uint[ClassicBpf.MemoryWords];
        memory.Clear();
        for (int at = 0; ; at++)
        {
            ClassicInstruction i = code[at];
            uint source = (i.Code & ClassicBpf.SourceX) != 0 ? x : i.Operand;
            switch (i.Code & ClassicBpf.ClassMask)
            {
                case ClassicBpf.ClassLoadA:
                    if (!TryLoad(i, packet, x, memory, out a))
                    {
                        return false;
                    }

                    break;
                case ClassicBpf.ClassLoadX:
                    if (!TryLoad(i, packet, x, memory, out uint loaded))
                    {
                        return false;
                    }

                    x = loaded;
                    break;
                case ClassicBpf.ClassStoreA:
                    memory[(int)i.Operand] = a;
                    break;
                case ClassicBpf.ClassStoreX:
                    memory[(int)i.Operand] = x;
                    break;
                case ClassicBpf.ClassAlu:
                    int operation = i.Code & ClassicBpf.OperationMask;
                    if (operation is ClassicBpf.AluDivide or ClassicBpf.AluModulo && source == 0)
                    {
                        return false;
                    }

                    a = Compute(operation, a, source);
                    break;
                case ClassicBpf.ClassJump:
                    bool always = (i.Code & ClassicBpf.OperationMask) == ClassicBpf.JumpAlways;
                    at += always ? (int)i.Operand : Holds(i, a, source) ? i.IfTrue : i.IfFalse;
                    break;
                case ClassicBpf.ClassReturn:
                    return ((i.Code & 0x18) == ClassicBpf.ReturnA ? a : i.Operand) != 0;
                default:
                    if ((i.Code & 0xf8) == ClassicBpf.MiscAToX)
                    {
                        x = a;
                    }
                    else
                    {
                        a = x;
                    }

                    break;
            }
        }
    }

    private static bool TryLoad(
        ClassicInstruction i, ReadOnlySpan<byte> packet, uint x, ReadOnlySpan<uint> memory, out uint value)
    {
        value = 0;
        int mode = i.Code & ClassicBpf.ModeMask;
        ulong offset = i.Operand + (mode == ClassicBpf.ModeIndirect ? (ulong)x : 0);
        uint size = mode == ClassicBpf.ModeHeaderLength ? 1u : (i.Code & ClassicBpf.SizeMask) switch
        {
            ClassicBpf.SizeWord => 4,
            ClassicBpf.SizeHalf => 2,
            _ => 1,
        };
        switch (mode)
        {
            case ClassicBpf.ModeImmediate:
                value = i.Operand;
                return true;
            case ClassicBpf.ModeMemory:
                value = memory[(int)i.Operand];
                return true;
            case ClassicBpf.ModeLength:
                value = (uint)packet.Length;
                return true;
        }

        if (offset + size > (ulong)packet.Length)
        {
            return false;
        }

        ReadOnlySpan<byte> bytes = packet.Slice((int)offset, (int)size);
        value = size switch
        {
            4 => BinaryPrimitives.ReadUInt32BigEndian(bytes),
            2 => BinaryPrimitives.ReadUInt16BigEndian(bytes),
            _ => bytes[0],
        };
        value = mode == ClassicBpf.ModeHeaderLength ? (value & 0xf) * 4 : value;
        return true;
    }

    private static uint Compute(int operation, uint a, uint source) => operation switch
    {
        ClassicBpf.AluAdd => a + source,
        ClassicBpf.AluSubtract => a - source,
        ClassicBpf.AluMultiply => a * source,
        ClassicBpf.AluDivide => a / source,
        ClassicBpf.AluModulo => a % source,
        ClassicBpf.AluOr => a | source,
        ClassicBpf.AluAnd => a & source,
        ClassicBpf.AluXor => a ^ source,
        ClassicBpf.AluShiftLeft => source < 32 ? a << (int)source : 0,
        ClassicBpf.AluShiftRight => source < 32 ? a >> (int)source : 0,
        _ => (uint)-(int)a,
    };

    private static bool Holds(ClassicInstruction i, uint a, uint source) =>
        (i.Code & ClassicBpf.OperationMask) switch
        {
            ClassicBpf.JumpEqual => a == source,
            ClassicBpf.JumpGreater => a > source,
            ClassicBpf.JumpGreaterOrEqual => a >= source,
            _ => (a & source) != 0,
        };
}
