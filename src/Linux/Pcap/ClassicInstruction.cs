using System.Runtime.InteropServices;

namespace Nf.Linux;

/// <summary>One instruction of classic BPF (struct bpf_insn of pcap/bpf.h, struct sock_filter of the kernel).</summary>
/// <param name="Code">Class and operation; the constants are in <see cref="ClassicBpf"/>.</param>
/// <param name="IfTrue">Instructions to skip where a condition holds.</param>
/// <param name="IfFalse">Instructions to skip where it does not.</param>
/// <param name="Operand">A constant, an offset, or the distance of an unconditional jump.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct ClassicInstruction(ushort Code, byte IfTrue, byte IfFalse, uint Operand);

/// <summary>
/// The codes of classic BPF (linux/bpf_common.h): an accumulator A, an index X, 16 words of memory M, and the packet,
/// of which every load is big-endian. A load beyond the packet ends the filter without a match.
/// </summary>
public static class ClassicBpf
{
    public const int ClassMask = 0x07;
    public const int ClassLoadA = 0x00;
    public const int ClassLoadX = 0x01;
    public const int ClassStoreA = 0x02;
    public const int ClassStoreX = 0x03;
    public const int ClassAlu = 0x04;
    public const int ClassJump = 0x05;
    public const int ClassReturn = 0x06;
    public const int ClassMisc = 0x07;

    public const int SizeMask = 0x18;
    public const int SizeWord = 0x00;
    public const int SizeHalf = 0x08;
    public const int SizeByte = 0x10;

    public const int ModeMask = 0xe0;
    public const int ModeImmediate = 0x00;
    public const int ModeAbsolute = 0x20;
    public const int ModeIndirect = 0x40;
    public const int ModeMemory = 0x60;
    public const int ModeLength = 0x80;

    /// <summary>LDX only: four times the low half of a byte, the length of an IPv4 header.</summary>
    public const int ModeHeaderLength = 0xa0;

    public const int OperationMask = 0xf0;
    public const int AluAdd = 0x00;
    public const int AluSubtract = 0x10;
    public const int AluMultiply = 0x20;
    public const int AluDivide = 0x30;
    public const int AluOr = 0x40;
    public const int AluAnd = 0x50;
    public const int AluShiftLeft = 0x60;
    public const int AluShiftRight = 0x70;
    public const int AluNegate = 0x80;
    public const int AluModulo = 0x90;
    public const int AluXor = 0xa0;

    public const int JumpAlways = 0x00;
    public const int JumpEqual = 0x10;
    public const int JumpGreater = 0x20;
    public const int JumpGreaterOrEqual = 0x30;
    public const int JumpBitsSet = 0x40;

    /// <summary>Of arithmetic and jumps: the operand is X, not a constant.</summary>
    public const int SourceX = 0x08;

    /// <summary>Of a return: the value is A, not a constant.</summary>
    public const int ReturnA = 0x10;

    public const int MiscAToX = 0x00;
    public const int MiscXToA = 0x80;

    /// <summary>Words of memory.</summary>
    public const int MemoryWords = 16;
}
