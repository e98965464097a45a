namespace Nf.DataPlane.Steering;

/// <summary>What the explaining flavour of a program returns.</summary>
/// <param name="Target">Where the packet goes.</param>
/// <param name="Rule">Index of the rule, or one of the two in place of it (<see cref="CompiledRules"/>).</param>
/// <param name="Cpu">CPUMAP only: the CPU.</param>
internal readonly record struct SteeringVerdictCode(SteeringTarget Target, int Rule, uint Cpu)
{
    /// <summary>In place of a CPU.</summary>
    internal const uint NoCpu = 0xfffff;

    /// <summary>The CPU is from this bit on.</summary>
    internal const int CpuShift = 12;

    private const int TargetBits = 2;
    private const int RuleBits = CpuShift - TargetBits;

    /// <summary>One number.</summary>
    internal static uint Pack(SteeringTarget target, int rule, uint cpu) =>
        (uint)target | ((uint)rule << TargetBits) | (cpu << CpuShift);

    /// <summary>What a number says.</summary>
    internal static SteeringVerdictCode Unpack(uint code) => new(
        (SteeringTarget)(code & ((1 << TargetBits) - 1)),
        (int)((code >> TargetBits) & ((1 << RuleBits) - 1)),
        code >> CpuShift);
}
