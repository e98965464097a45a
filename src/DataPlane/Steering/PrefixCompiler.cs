using Nf.DataPlane.Cpumaps;
using Nf.Linux;

namespace Nf.DataPlane.Steering;

/// <summary>Writes the look-up of a source address: to the letter what <see cref="CpuPrefixTable"/> does.</summary>
/// <remarks>R6 is the flow; R0 to R5, R7 and R8 are used. The CPU comes out in R2.</remarks>
internal sealed class PrefixCompiler(BpfAssembler code, RuleData data)
{
    private const BpfRegister Flow = BpfRegister.R6;
    private const BpfRegister Cpu = BpfRegister.R2;
    private const BpfRegister Address = BpfRegister.R1;
    private const BpfRegister Hash = BpfRegister.R0;
    private const BpfRegister Scratch = BpfRegister.R4;
    private const BpfRegister Entry = BpfRegister.R5;
    private const BpfRegister Slot = BpfRegister.R8;

    // The words of an IPv6 address, masked.
    private static readonly BpfRegister[] Key = [BpfRegister.R1, BpfRegister.R2, BpfRegister.R3, BpfRegister.R7];

    /// <summary>Goes to <paramref name="found"/> with the CPU, and falls through without.</summary>
    internal void Emit(CpuPrefixTable table, uint offset, BpfLabel found)
    {
        BpfLabel miss = code.NewLabel();
        BpfLabel hit = code.NewLabel();
        BpfLabel not4 = code.NewLabel();
        code.Load(BpfSize.Word, Scratch, Flow, At(FlowField.Version));
        code.Jump32(BpfJump.NotEqual, Scratch, 4, not4);
        if (table.HasIpv4)
        {
            EmitTree(table, offset, hit, miss);
        }
        else
        {
            code.Jump(miss);
        }

        code.Place(not4);
        code.Jump32(BpfJump.NotEqual, Scratch, 6, miss);
        foreach (CpuPrefixTable6 length in table.ByLength)
        {
            BpfLabel next = code.NewLabel();
            EmitTable(length, offset, hit, next);
            code.Place(next);
        }

        code.Jump(miss);
        code.Place(hit);
        code.Alu32(BpfAlu.Move, Cpu, Entry);
        code.Alu32(BpfAlu.Subtract, Cpu, 1);
        code.Jump(found);
        code.Place(miss);
    }

    private void EmitTree(CpuPrefixTable table, uint offset, BpfLabel hit, BpfLabel miss)
    {
        BpfLabel last = code.NewLabel();
        code.Load(BpfSize.Word, Address, Flow, At(FlowField.Source));
        code.Alu32(BpfAlu.Move, BpfRegister.R2, Address);
        code.Alu32(BpfAlu.ShiftRight, BpfRegister.R2, CpuPrefixTable.RootBits);
        EmitEntry(offset);
        uint blocks = offset + (sizeof(uint) << CpuPrefixTable.RootBits);
        int bits = table.BlockBits;
        for (int shift = 32 - CpuPrefixTable.RootBits - bits; shift >= 0 && table.BlockCount != 0; shift -= bits)
        {
            BpfLabel deeper = code.NewLabel();
            code.Jump32(BpfJump.BitsSet, Entry, CpuPrefixTable.BlockFlag, deeper);
            code.Jump(last);
            code.Place(deeper);
            code.Alu32(BpfAlu.And, Entry, ~CpuPrefixTable.BlockFlag);

            // Never taken; the verifier wants to know how many blocks there are.
            code.Jump32(BpfJump.GreaterOrEqual, Entry, (uint)table.BlockCount, miss);
            code.Alu32(BpfAlu.Move, BpfRegister.R2, Entry);
            code.Alu32(BpfAlu.ShiftLeft, BpfRegister.R2, (uint)bits);
            code.Alu32(BpfAlu.Move, BpfRegister.R3, Address);
            code.Alu32(BpfAlu.ShiftRight, BpfRegister.R3, (uint)shift);
            code.Alu32(BpfAlu.And, BpfRegister.R3, (1u << bits) - 1);

            // Not OR: of a sum the verifier knows the largest value exactly.
            code.Alu(BpfAlu.Add, BpfRegister.R2, BpfRegister.R3);
            EmitEntry(blocks);
        }

        code.Place(last);
        code.Jump32(BpfJump.NotEqual, Entry, 0u, hit);
        code.Jump(miss);
    }

    // The entry of index R2.
    private void EmitEntry(uint offset)
    {
        code.Alu(BpfAlu.ShiftLeft, BpfRegister.R2, 2);
        code.MoveMapValue(BpfRegister.R3, data.Map!, offset);
        code.Alu(BpfAlu.Add, BpfRegister.R3, BpfRegister.R2);
        code.Load(BpfSize.Word, Entry, BpfRegister.R3, 0);
    }

    private void EmitTable(CpuPrefixTable6 table, uint offset, BpfLabel hit, BpfLabel next)
    {
        int keyWords = table.KeyWords;
        code.Alu(BpfAlu.Move, Hash, 0);
        for (int word = 0; word < keyWords; word++)
        {
            code.Load(BpfSize.Word, Key[word], Flow, At(FlowField.Source) + (word * sizeof(uint)));
            uint mask = IpPrefix.Mask(table.Length, word);
            if (mask != uint.MaxValue)
            {
                code.Alu32(BpfAlu.And, Key[word], mask);
            }
        }

        code.Move64(Scratch, FlowHash.Mix1);
        for (int word = 0; word < keyWords; word++)
        {
            code.Alu(BpfAlu.Add, Hash, Key[word]);
            code.Alu(BpfAlu.Multiply, Hash, Scratch);
        }

        code.Alu(BpfAlu.Move, Scratch, Hash);
        code.Alu(BpfAlu.ShiftRight, Scratch, 32);
        code.Alu(BpfAlu.Xor, Hash, Scratch);
        code.Move64(Scratch, FlowHash.Mix2);
        code.Alu(BpfAlu.Multiply, Hash, Scratch);
        code.Alu(BpfAlu.ShiftRight, Hash, 64 - table.SlotBits);
        int slotBytes = table.SlotWords * sizeof(uint);
        code.Alu(BpfAlu.Multiply, Hash, slotBytes);
        code.MoveMapValue(Slot, data.Map!, offset + ((uint)table.Offset * sizeof(uint)));
        code.Alu(BpfAlu.Add, Slot, Hash);
        for (int probe = 0; probe < CpuPrefixTable6.ProbesMax; probe++)
        {
            BpfLabel other = code.NewLabel();
            int at = probe * slotBytes;
            code.Load(BpfSize.Word, Entry, Slot, at + (keyWords * sizeof(uint)));
            code.Jump32(BpfJump.Equal, Entry, 0u, next);
            for (int word = 0; word < keyWords; word++)
            {
                code.Load(BpfSize.Word, Scratch, Slot, at + (word * sizeof(uint)));
                code.Jump32(BpfJump.NotEqual, Scratch, Key[word], other);
            }

            code.Jump(hit);
            code.Place(other);
        }

        code.Jump(next);
    }

    private static int At(FlowField field) => (int)field * sizeof(uint);
}
