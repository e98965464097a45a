using Nf.Linux;
using static Nf.Linux.ClassicBpf;

namespace Nf.DataPlane.Steering;

/// <summary>
/// Writes a pcap filter as instructions of today's BPF. A load beyond the frame is no match, as it is to libpcap and to
/// the kernel; the verifier is shown a comparison before every load.
/// </summary>
/// <remarks>
/// R7 and R8 are where the frame begins and ends, and stay so; A is R0, X is R1, R2 to R4 are used in between. Memory
/// is on the stack. A filter sees the first buffer of a frame only.
/// </remarks>
internal sealed class FilterTranslator(BpfAssembler code, BpfRegister flow, int lengthOffset)
{
    private const BpfRegister A = BpfRegister.R0;
    private const BpfRegister X = BpfRegister.R1;
    private const BpfRegister Start = BpfRegister.R7;
    private const BpfRegister End = BpfRegister.R8;

    // Below what the rules keep there.
    private const int MemoryOffset = -16 - (4 * MemoryWords);

    // The verifier follows offsets into a frame up to 65535; no first buffer is longer than a page.
    private const uint OffsetMax = 0xf000;

    /// <summary>Writes a filter that goes to one of two places.</summary>
    internal void Translate(PcapFilter filter, BpfLabel match, BpfLabel otherwise)
    {
        ReadOnlySpan<ClassicInstruction> program = filter.Code;
        var places = new BpfLabel[program.Length];
        for (int i = 0; i < places.Length; i++)
        {
            places[i] = code.NewLabel();
        }

        Clear(program);
        for (int i = 0; i < program.Length; i++)
        {
            code.Place(places[i]);
            ClassicInstruction instruction = program[i];
            switch (instruction.Code & ClassMask)
            {
                case ClassLoadA:
                    Load(A, instruction, otherwise);
                    break;
                case ClassLoadX:
                    Load(X, instruction, otherwise);
                    break;
                case ClassStoreA:
                    code.Store(BpfSize.Word, BpfRegister.Frame, MemoryAt(instruction.Operand), A);
                    break;
                case ClassStoreX:
                    code.Store(BpfSize.Word, BpfRegister.Frame, MemoryAt(instruction.Operand), X);
                    break;
                case ClassAlu:
                    Calculate(instruction, otherwise);
                    break;
                case ClassJump:
                    Jump(instruction, i + 1, places);
                    break;
                case ClassReturn:
                    Return(instruction, match, otherwise);
                    break;
                default:
                    (BpfRegister to, BpfRegister from) = (instruction.Code & OperationMask) == MiscXToA
                        ? (A, X)
                        : (X, A);
                    code.Alu32(BpfAlu.Move, to, from);
                    break;
            }
        }

        code.Jump(otherwise);
    }

    // What was never written reads as zero.
    private void Clear(ReadOnlySpan<ClassicInstruction> program)
    {
        code.Alu32(BpfAlu.Move, A, 0u);
        code.Alu32(BpfAlu.Move, X, 0u);
        var words = new SortedSet<uint>();
        foreach (ClassicInstruction instruction in program)
        {
            if ((instruction.Code & ClassMask) is ClassLoadA or ClassLoadX
                && (instruction.Code & ModeMask) == ModeMemory)
            {
                words.Add(instruction.Operand);
            }
        }

        foreach (uint word in words)
        {
            code.Store(BpfSize.Word, BpfRegister.Frame, MemoryAt(word), 0);
        }
    }

    private void Load(BpfRegister target, ClassicInstruction instruction, BpfLabel otherwise)
    {
        switch (instruction.Code & ModeMask)
        {
            case ModeImmediate:
                code.Alu32(BpfAlu.Move, target, instruction.Operand);
                break;
            case ModeMemory:
                code.Load(BpfSize.Word, target, BpfRegister.Frame, MemoryAt(instruction.Operand));
                break;
            case ModeLength:
                code.Load(BpfSize.Word, target, flow, lengthOffset);
                break;
            case ModeAbsolute:
                LoadAt(target, instruction.Code & SizeMask, instruction.Operand, indirect: false, otherwise);
                break;
            case ModeIndirect:
                LoadAt(target, instruction.Code & SizeMask, instruction.Operand, indirect: true, otherwise);
                break;
            case ModeHeaderLength:
                LoadAt(target, SizeByte, instruction.Operand, indirect: false, otherwise);
                code.Alu32(BpfAlu.And, target, 0xf);
                code.Alu32(BpfAlu.ShiftLeft, target, 2);
                break;
            default:
                throw new InvalidOperationException($"classic BPF load 0x{instruction.Code:x}");
        }
    }

    private void LoadAt(BpfRegister target, int size, uint offset, bool indirect, BpfLabel otherwise)
    {
        (BpfSize bpfSize, int bytes) = size switch
        {
            SizeWord => (BpfSize.Word, 4),
            SizeHalf => (BpfSize.Half, 2),
            _ => (BpfSize.Byte, 1),
        };
        if (offset > OffsetMax && !indirect)
        {
            code.Jump(otherwise);
            return;
        }

        code.Alu(BpfAlu.Move, BpfRegister.R2, Start);
        if (indirect)
        {
            code.Alu32(BpfAlu.Move, BpfRegister.R3, X);
            code.Alu32(BpfAlu.Add, BpfRegister.R3, offset);
            code.Jump32(BpfJump.Greater, BpfRegister.R3, OffsetMax, otherwise);
            code.Alu(BpfAlu.Add, BpfRegister.R2, BpfRegister.R3);
            code.Alu(BpfAlu.Move, BpfRegister.R3, BpfRegister.R2);
            code.Alu(BpfAlu.Add, BpfRegister.R3, bytes);
            code.Jump64(BpfJump.Greater, BpfRegister.R3, End, otherwise);
            code.Load(bpfSize, target, BpfRegister.R2, 0);
        }
        else
        {
            code.Alu(BpfAlu.Add, BpfRegister.R2, (int)offset + bytes);
            code.Jump64(BpfJump.Greater, BpfRegister.R2, End, otherwise);
            code.Load(bpfSize, target, BpfRegister.R2, -bytes);
        }

        if (bytes > 1)
        {
            code.SwapBigEndian(target, 8 * bytes);
        }
    }

    private void Calculate(ClassicInstruction instruction, BpfLabel otherwise)
    {
        int operation = instruction.Code & OperationMask;
        if (operation == AluNegate)
        {
            code.Alu32(BpfAlu.Negate, A, 0u);
            return;
        }

        // The numbers of both kinds of BPF are the same.
        var alu = (BpfAlu)operation;
        if ((instruction.Code & SourceX) == 0)
        {
            Calculate(alu, instruction.Operand, otherwise);
            return;
        }

        if (alu is BpfAlu.Divide or BpfAlu.Modulo)
        {
            code.Jump32(BpfJump.Equal, X, 0u, otherwise);
        }

        if (alu is not (BpfAlu.ShiftLeft or BpfAlu.ShiftRight))
        {
            code.Alu32(alu, A, X);
            return;
        }

        // libpcap shifts everything out; today's BPF would take the distance modulo 32.
        BpfLabel far = code.NewLabel();
        BpfLabel done = code.NewLabel();
        code.Jump32(BpfJump.Greater, X, 31, far);
        code.Alu32(alu, A, X);
        code.Jump(done);
        code.Place(far);
        code.Alu32(BpfAlu.Move, A, 0u);
        code.Place(done);
    }

    private void Calculate(BpfAlu alu, uint operand, BpfLabel otherwise)
    {
        switch (alu)
        {
            case BpfAlu.Divide or BpfAlu.Modulo when operand == 0:
                code.Jump(otherwise);
                break;
            case BpfAlu.ShiftLeft or BpfAlu.ShiftRight when operand > 31:
                code.Alu32(BpfAlu.Move, A, 0u);
                break;
            default:
                code.Alu32(alu, A, operand);
                break;
        }
    }

    private void Jump(ClassicInstruction instruction, int next, BpfLabel[] places)
    {
        int operation = instruction.Code & OperationMask;
        if (operation == JumpAlways)
        {
            code.Jump(places[next + (int)instruction.Operand]);
            return;
        }

        BpfJump condition = operation switch
        {
            JumpEqual => BpfJump.Equal,
            JumpGreater => BpfJump.Greater,
            JumpGreaterOrEqual => BpfJump.GreaterOrEqual,
            JumpBitsSet => BpfJump.BitsSet,
            _ => throw new InvalidOperationException($"classic BPF jump 0x{instruction.Code:x}"),
        };
        if ((instruction.Code & SourceX) != 0)
        {
            code.Jump32(condition, A, X, places[next + instruction.IfTrue]);
        }
        else
        {
            code.Jump32(condition, A, instruction.Operand, places[next + instruction.IfTrue]);
        }

        if (instruction.IfFalse != 0)
        {
            code.Jump(places[next + instruction.IfFalse]);
        }
    }

    private void Return(ClassicInstruction instruction, BpfLabel match, BpfLabel otherwise)
    {
        if ((instruction.Code & ReturnA) != 0)
        {
            code.Jump32(BpfJump.Equal, A, 0u, otherwise);
            code.Jump(match);
        }
        else
        {
            code.Jump(instruction.Operand == 0 ? otherwise : match);
        }
    }

    private static int MemoryAt(uint word) => MemoryOffset + (4 * (int)word);
}
