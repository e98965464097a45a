using System.Runtime.InteropServices;

namespace Nf.Linux;

/// <summary>One instruction as the kernel reads it (struct bpf_insn of linux/bpf.h).</summary>
/// <param name="Code">Class and operation.</param>
/// <param name="Registers">Destination in the low four bits, source in the high ones.</param>
/// <param name="Offset">Of a jump in instructions, of memory in bytes.</param>
/// <param name="Immediate">A constant.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct BpfInstruction(byte Code, byte Registers, short Offset, int Immediate);

/// <summary>The registers: 0 holds results, 1 to 5 arguments that a call destroys, 6 to 9 what calls leave alone, 10
/// the end of the stack frame.</summary>
public enum BpfRegister : byte
{
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    Frame,
}

/// <summary>Arithmetic; the numbers are those of linux/bpf_common.h and linux/bpf.h.</summary>
public enum BpfAlu : byte
{
    Add = 0x00,
    Subtract = 0x10,
    Multiply = 0x20,
    Divide = 0x30,
    Or = 0x40,
    And = 0x50,
    ShiftLeft = 0x60,
    ShiftRight = 0x70,
    Negate = 0x80,
    Modulo = 0x90,
    Xor = 0xa0,
    Move = 0xb0,
}

/// <summary>Conditions of jumps; unsigned comparisons.</summary>
public enum BpfJump : byte
{
    Equal = 0x10,
    Greater = 0x20,
    GreaterOrEqual = 0x30,
    BitsSet = 0x40,
    NotEqual = 0x50,
    Less = 0xa0,
    LessOrEqual = 0xb0,
}

/// <summary>Width of a load or store.</summary>
public enum BpfSize : byte
{
    Word = 0x00,
    Half = 0x08,
    Byte = 0x10,
    DoubleWord = 0x18,
}
