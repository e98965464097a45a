using System.Runtime.InteropServices;

namespace Nf.Linux;

/// <summary>
/// Writes BPF instructions: one method for each form, jumps to labels that may be placed later, maps by name of the
/// object. Knows nothing of what the code is for.
/// </summary>
public sealed class BpfAssembler
{
    /// <summary>The kernel's limit for a program of a privileged process (BPF_COMPLEXITY_LIMIT_INSNS).</summary>
    public const int InstructionsMax = 1_000_000;

    private const byte Load64Immediate = 0x18;
    private const byte ClassLoad = 0x61;
    private const byte ClassStore = 0x63;
    private const byte ClassStoreImmediate = 0x62;
    private const byte ClassJump64 = 0x05;
    private const byte ClassJump32 = 0x06;
    private const byte ClassAlu64 = 0x07;
    private const byte ClassAlu32 = 0x04;
    private const byte SourceRegister = 0x08;
    private const byte CodeCall = 0x85;
    private const byte CodeExit = 0x95;
    private const byte CodeToBigEndian = 0xdc;

    private readonly List<BpfInstruction> _code = [];
    private readonly List<int> _labels = [];
    private readonly List<(int At, BpfLabel Label)> _jumps = [];
    private readonly List<(int At, BpfMap Map)> _maps = [];

    /// <summary>Instructions so far.</summary>
    public int Count => _code.Count;

    /// <summary>A place to jump to, not yet placed.</summary>
    public BpfLabel NewLabel()
    {
        _labels.Add(-1);
        return new BpfLabel(_labels.Count - 1);
    }

    /// <summary>The label is here.</summary>
    public void Place(BpfLabel label)
    {
        if (_labels[label.Index] >= 0)
        {
            throw new InvalidOperationException("a label is placed once");
        }

        _labels[label.Index] = _code.Count;
    }

    /// <summary>Instructions that somebody else compiled. Maps and labels in them are not known here.</summary>
    public void Append(ReadOnlySpan<BpfInstruction> code)
    {
        foreach (BpfInstruction instruction in code)
        {
            _code.Add(instruction);
        }
    }

    /// <summary>Replaces a call that was appended by one of a function of this program.</summary>
    /// <param name="at">Which instruction.</param>
    /// <param name="function">Where the function begins.</param>
    public void CallInPlace(int at, BpfLabel function)
    {
        _code[at] = new BpfInstruction(CodeCall, LinuxBpf.BPF_PSEUDO_CALL << 4, 0, 0);
        _jumps.Add((at, function));
    }

    /// <summary>64-bit arithmetic with a constant, sign-extended.</summary>
    public void Alu(BpfAlu operation, BpfRegister target, int value) =>
        Emit((byte)(ClassAlu64 | (byte)operation), target, default, 0, value);

    /// <summary>64-bit arithmetic.</summary>
    public void Alu(BpfAlu operation, BpfRegister target, BpfRegister source) =>
        Emit((byte)(ClassAlu64 | SourceRegister | (byte)operation), target, source, 0, 0);

    /// <summary>32-bit arithmetic with a constant; the upper half becomes zero.</summary>
    public void Alu32(BpfAlu operation, BpfRegister target, uint value) =>
        Emit((byte)(ClassAlu32 | (byte)operation), target, default, 0, (int)value);

    /// <summary>32-bit arithmetic; the upper half becomes zero.</summary>
    public void Alu32(BpfAlu operation, BpfRegister target, BpfRegister source) =>
        Emit((byte)(ClassAlu32 | SourceRegister | (byte)operation), target, source, 0, 0);

    /// <summary>Swaps the low bits from or to network byte order; those above become zero.</summary>
    /// <param name="target">The register.</param>
    /// <param name="bits">16, 32 or 64.</param>
    public void SwapBigEndian(BpfRegister target, int bits) => Emit(CodeToBigEndian, target, default, 0, bits);

    /// <summary>A 64-bit constant.</summary>
    public void Move64(BpfRegister target, ulong value) => Emit64(target, 0, (uint)value, (uint)(value >> 32));

    /// <summary>A reference to a map, for helpers.</summary>
    public void MoveMap(BpfRegister target, BpfMap map)
    {
        _maps.Add((_code.Count, map));
        Emit64(target, LinuxBpf.BPF_PSEUDO_MAP_FD, 0, 0);
    }

    /// <summary>The address of a byte in the value of an ARRAY map of one entry (5.2+).</summary>
    public void MoveMapValue(BpfRegister target, BpfMap map, uint offset)
    {
        _maps.Add((_code.Count, map));
        Emit64(target, LinuxBpf.BPF_PSEUDO_MAP_VALUE, 0, offset);
    }

    /// <summary>Loads from memory; what is above the size becomes zero.</summary>
    public void Load(BpfSize size, BpfRegister target, BpfRegister address, int offset) =>
        Emit((byte)(ClassLoad | (byte)size), target, address, checked((short)offset), 0);

    /// <summary>Stores into memory.</summary>
    public void Store(BpfSize size, BpfRegister address, int offset, BpfRegister source) =>
        Emit((byte)(ClassStore | (byte)size), address, source, checked((short)offset), 0);

    /// <summary>Stores a constant.</summary>
    public void Store(BpfSize size, BpfRegister address, int offset, int value) =>
        Emit((byte)(ClassStoreImmediate | (byte)size), address, default, checked((short)offset), value);

    /// <summary>Jumps.</summary>
    public void Jump(BpfLabel label)
    {
        _jumps.Add((_code.Count, label));
        Emit(ClassJump64, default, default, 0, 0);
    }

    /// <summary>Jumps when the low 32 bits compare so.</summary>
    public void Jump32(BpfJump condition, BpfRegister left, uint right, BpfLabel label)
    {
        _jumps.Add((_code.Count, label));
        Emit((byte)(ClassJump32 | (byte)condition), left, default, 0, (int)right);
    }

    /// <summary>Jumps when the low 32 bits compare so.</summary>
    public void Jump32(BpfJump condition, BpfRegister left, BpfRegister right, BpfLabel label)
    {
        _jumps.Add((_code.Count, label));
        Emit((byte)(ClassJump32 | SourceRegister | (byte)condition), left, right, 0, 0);
    }

    /// <summary>Jumps when all 64 bits compare so; the constant is sign-extended.</summary>
    public void Jump64(BpfJump condition, BpfRegister left, int right, BpfLabel label)
    {
        _jumps.Add((_code.Count, label));
        Emit((byte)(ClassJump64 | (byte)condition), left, default, 0, right);
    }

    /// <summary>Jumps when all 64 bits compare so.</summary>
    public void Jump64(BpfJump condition, BpfRegister left, BpfRegister right, BpfLabel label)
    {
        _jumps.Add((_code.Count, label));
        Emit((byte)(ClassJump64 | SourceRegister | (byte)condition), left, right, 0, 0);
    }

    /// <summary>Calls a helper of the kernel, by its number (BPF_FUNC_… of <see cref="LinuxBpf"/>).</summary>
    public void Call(int helper) => Emit(CodeCall, default, default, 0, helper);

    /// <summary>Returns R0.</summary>
    public void Exit() => Emit(CodeExit, default, default, 0, 0);

    /// <summary>The finished code: every jump has its distance, and what is never reached, which the kernel refuses, is
    /// left out.</summary>
    /// <exception cref="OverflowException">A jump is further than 32767 instructions.</exception>
    public BpfInstruction[] Build() => BpfLayout.Finish([.. _code], Targets());

    // The descriptors' numbers, good while the maps are open. For BpfProgram.LoadXdp only.
    internal BpfInstruction[] BuildWithMaps()
    {
        BpfInstruction[] code = [.. _code];
        foreach ((int at, BpfMap map) in _maps)
        {
            code[at] = code[at] with { Immediate = map.Descriptor.Number };
        }

        return BpfLayout.Finish(code, Targets());
    }

    internal void KeepMapsAlive() => GC.KeepAlive(_maps);

    private Dictionary<int, int> Targets()
    {
        var targets = new Dictionary<int, int>(_jumps.Count);
        foreach ((int at, BpfLabel label) in _jumps)
        {
            int target = _labels[label.Index];
            targets.Add(
                at,
                target >= 0
                    ? target
                    : throw new InvalidOperationException($"instruction {at} jumps to a label that was never placed"));
        }

        return targets;
    }

    private void Emit64(BpfRegister target, byte pseudo, uint low, uint high)
    {
        Emit(Load64Immediate, target, (BpfRegister)pseudo, 0, (int)low);
        Emit(0, default, default, 0, (int)high);
    }

    private void Emit(byte code, BpfRegister target, BpfRegister source, short offset, int immediate) =>
        _code.Add(new BpfInstruction(code, (byte)((byte)target | ((byte)source << 4)), offset, immediate));
}

/// <summary>A place in code that is being written.</summary>
/// <param name="Index">Which.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct BpfLabel(int Index);
