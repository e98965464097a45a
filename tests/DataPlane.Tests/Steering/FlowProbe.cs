using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Steering;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Steering;

/// <summary>
/// The parser of steered interfaces with something else in place of rules: it keeps the flow in a map, and returns a
/// sum of its words, so that most frames need one call only.
/// </summary>
internal sealed class FlowProbe : IDisposable
{
    private const uint Factor = 0x01000193;

    private readonly BpfMap _flow = BpfMap.Create(
        LinuxBpf.BPF_MAP_TYPE_ARRAY, "nf_test_flow", sizeof(uint), Flow.FieldCount * sizeof(uint), 1);

    private readonly BpfProgram _program;

    internal FlowProbe()
    {
        var code = new BpfAssembler();
        BpfLabel rules = code.NewLabel();
        ParserCode.Emit(code, frags: false, rules);
        code.Place(rules);
        code.Alu(BpfAlu.Move, BpfRegister.R6, BpfRegister.R1);
        code.MoveMapValue(BpfRegister.R3, _flow, 0);
        code.Alu32(BpfAlu.Move, BpfRegister.R0, 0u);
        for (int i = 0; i < Flow.FieldCount; i++)
        {
            code.Load(BpfSize.Word, BpfRegister.R2, BpfRegister.R6, i * sizeof(uint));
            code.Store(BpfSize.Word, BpfRegister.R3, i * sizeof(uint), BpfRegister.R2);
            code.Alu32(BpfAlu.Multiply, BpfRegister.R0, Factor);
            code.Alu32(BpfAlu.Add, BpfRegister.R0, BpfRegister.R2);
        }

        code.Exit();
        _program = BpfProgram.LoadXdp(code, "nf_test_flow", frags: false);
    }

    /// <summary>Fails unless the program and <see cref="FlowParser"/> say the same of a frame.</summary>
    internal void AssertAgrees(ReadOnlySpan<byte> frame)
    {
        FlowParser.Parse(frame, frame.Length, out Flow expected);
        uint sum = 0;
        for (int i = 0; i < Flow.FieldCount; i++)
        {
            sum = (sum * Factor) + expected[i];
        }

        if (BpfProgRun.Verdict(_program, frame) != sum)
        {
            uint key = 0;
            _flow.TryLookup(in key, out Flow actual);
            Assert.Fail(
                $"frame {Convert.ToHexString(frame)}: {string.Join(", ", Differences(expected, actual))}");
        }
    }

    public void Dispose()
    {
        _program.Dispose();
        _flow.Dispose();
    }

    private static List<string> Differences(Flow expected, Flow actual)
    {
        var differences = new List<string>();
        for (int i = 0; i < Flow.FieldCount; i++)
        {
            if (expected[i] != actual[i])
            {
                differences.Add($"word {i} ({(FlowField)i}) is {actual[i]:x}, expected {expected[i]:x}");
            }
        }

        return differences;
    }
}
