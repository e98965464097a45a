namespace Nf.Linux;

/// <summary>Puts code into its final order: leaves out what is never reached, and gives every jump its
/// distance.</summary>
internal static class BpfLayout
{
    private const byte ClassMask = 0x07;
    private const byte ClassJump32 = 0x06;
    private const byte ClassJump64 = 0x05;
    private const byte OperationMask = 0xf0;
    private const byte Always = 0x00;
    private const byte Call = 0x80;
    private const byte Exit = 0x90;
    private const byte Load64Immediate = 0x18;

    /// <summary>Finishes code.</summary>
    /// <param name="code">The instructions.</param>
    /// <param name="labels">Where the jumps and calls lead that have no distance yet.</param>
    internal static BpfInstruction[] Finish(BpfInstruction[] code, Dictionary<int, int> labels)
    {
        int[] targets = new int[code.Length];
        for (int at = 0; at < code.Length; at++)
        {
            targets[at] = labels.TryGetValue(at, out int target) ? target
                : IsJump(code[at]) ? at + 1 + code[at].Offset
                : -1;
        }

        bool[] reached = Reach(code, targets);
        int[] places = new int[code.Length + 1];
        for (int at = 0; at < code.Length; at++)
        {
            places[at + 1] = places[at] + (reached[at] ? 1 : 0);
        }

        var finished = new List<BpfInstruction>(places[^1]);
        for (int at = 0; at < code.Length; at++)
        {
            if (reached[at])
            {
                finished.Add(targets[at] < 0 ? code[at] : WithDistance(code[at], places[targets[at]] - places[at] - 1));
            }
        }

        return [.. finished];
    }

    private static bool[] Reach(BpfInstruction[] code, int[] targets)
    {
        bool[] reached = new bool[code.Length];
        var starts = new Stack<int>([0]);
        while (starts.TryPop(out int at))
        {
            for (; at < code.Length && !reached[at]; at++)
            {
                reached[at] = true;
                if (targets[at] >= 0)
                {
                    starts.Push(targets[at]);
                }

                if (code[at].Code == Load64Immediate)
                {
                    reached[++at] = true;
                }
                else if (EndsHere(code[at]))
                {
                    break;
                }
            }
        }

        return reached;
    }

    private static BpfInstruction WithDistance(BpfInstruction jump, int distance) => Operation(jump) == Call
        ? jump with { Immediate = distance }
        : jump with { Offset = checked((short)distance) };

    private static bool EndsHere(BpfInstruction instruction) =>
        IsOfJumpClass(instruction) && (Operation(instruction) is Always or Exit);

    private static bool IsJump(BpfInstruction instruction) =>
        IsOfJumpClass(instruction) && Operation(instruction) is not (Call or Exit);

    private static bool IsOfJumpClass(BpfInstruction instruction) =>
        (instruction.Code & ClassMask) is ClassJump64 or ClassJump32;

    private static byte Operation(BpfInstruction instruction) => (byte)(instruction.Code & OperationMask);
}
