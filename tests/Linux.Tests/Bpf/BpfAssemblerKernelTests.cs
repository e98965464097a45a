using Nf.Linux.Tests.Support;

namespace Nf.Linux.Tests.Bpf;

/// <summary>Programs that are written here, loaded by the kernel.</summary>
[Trait("Tier", "kernel")]
public class BpfAssemblerKernelTests
{
    private static readonly byte[] Frame = new byte[60];

    [KernelFact]
    public void LoadXdp_LoopAndMapValue_Runs()
    {
        using BpfMap map = BpfMap.Create(LinuxBpf.BPF_MAP_TYPE_ARRAY, "nf_test", 4, 8, 1);
        var code = new BpfAssembler();
        BpfLabel again = code.NewLabel();
        code.Alu(BpfAlu.Move, BpfRegister.R0, 0);
        code.Alu(BpfAlu.Move, BpfRegister.R1, 10);
        code.Place(again);
        code.Alu(BpfAlu.Add, BpfRegister.R0, BpfRegister.R1);
        code.Alu(BpfAlu.Subtract, BpfRegister.R1, 1);
        code.Jump64(BpfJump.NotEqual, BpfRegister.R1, 0, again);
        code.MoveMapValue(BpfRegister.R2, map, 4);
        code.Store(BpfSize.Word, BpfRegister.R2, 0, BpfRegister.R0);
        code.Exit();
        using BpfProgram program = BpfProgram.LoadXdp(code, "nf_test_loop", frags: false);

        Assert.Equal(55u, BpfProgRun.Verdict(program, Frame));
        Assert.True(map.TryLookup(0u, out ulong value));
        Assert.Equal(55ul << 32, value);
    }

    [KernelFact]
    public void LoadXdp_CodeThatIsNeverReached_IsLeftOut()
    {
        var code = new BpfAssembler();
        BpfLabel end = code.NewLabel();
        code.Alu(BpfAlu.Move, BpfRegister.R0, 2);
        code.Jump(end);
        code.Alu(BpfAlu.Move, BpfRegister.R0, BpfRegister.R9); // the verifier would refuse this one
        code.Move64(BpfRegister.R3, ulong.MaxValue);
        code.Place(end);
        code.Exit();

        Assert.Equal(3, code.Build().Length);
        using BpfProgram program = BpfProgram.LoadXdp(code, "nf_test_dead", frags: false);
        Assert.Equal(2u, BpfProgRun.Verdict(program, Frame));
    }

    [KernelFact]
    public void LoadXdp_RefusedByTheVerifier_SaysWhy()
    {
        var code = new BpfAssembler();
        code.Load(BpfSize.Word, BpfRegister.R0, BpfRegister.R5, 0);
        code.Exit();

        BpfLoadException refusal = Assert.Throws<BpfLoadException>(
            () => BpfProgram.LoadXdp(code, "nf_test_bad", frags: false));

        Assert.Contains("R5 !read_ok", refusal.VerifierLog, StringComparison.Ordinal);
    }

    [Fact]
    public void Build_JumpTooFar_Overflows()
    {
        var code = new BpfAssembler();
        BpfLabel end = code.NewLabel();
        code.Jump32(BpfJump.Equal, BpfRegister.R1, 1, end);
        for (int i = 0; i < 40_000; i++)
        {
            code.Alu(BpfAlu.Move, BpfRegister.R0, 2);
        }

        code.Place(end);
        code.Exit();

        Assert.Throws<OverflowException>(code.Build);
    }
}
