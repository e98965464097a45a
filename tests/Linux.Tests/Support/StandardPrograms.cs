namespace Nf.Linux.Tests.Support;

/// <summary>The constants of test_xdp.bpf.c.</summary>
/// <param name="Verdict">What fixed_verdict answers.</param>
/// <param name="Fallback">What the others answer for an empty slot.</param>
public readonly record struct ProgramSettings(uint Verdict, uint Fallback);

/// <summary>Loads test_xdp.bpf.c.</summary>
public static class StandardPrograms
{
    public static BpfObject Load(uint verdict = LinuxBpf.XDP_PASS, uint fallback = LinuxBpf.XDP_DROP) =>
        BpfObject.Load(
            BpfSource.Standard,
            "test_xdp",
            settings => settings.SetReadOnlyData(new ProgramSettings(verdict, fallback)));
}
