using Nf.V1;

namespace Nf.DataPlane.Cpumaps;

/// <summary>
/// Chooses the CPU of a frame among the entries of a cpumap. Steering/SelectionCompiler.cs does the same in BPF.
/// Immutable; any thread may ask.
/// </summary>
internal sealed class CpuSelector
{
    private readonly uint[] _cpus;

    /// <param name="kind">How; unspecified means by flow hash.</param>
    /// <param name="fixedCpu">FIXED only: the CPU.</param>
    /// <param name="prefixes">SOURCE_PREFIX only.</param>
    /// <param name="cpus">The CPUs that have an entry, ascending.</param>
    internal CpuSelector(
        CpuSelectionKind kind, uint fixedCpu, CpuPrefixTable? prefixes, IReadOnlyList<uint> cpus)
    {
        Kind = kind == CpuSelectionKind.Unspecified ? CpuSelectionKind.FlowHash : kind;
        FixedCpu = fixedCpu;
        Prefixes = prefixes;
        _cpus = [.. cpus];
    }

    /// <summary>How.</summary>
    internal CpuSelectionKind Kind { get; }

    /// <summary>FIXED only: the CPU.</summary>
    internal uint FixedCpu { get; }

    /// <summary>SOURCE_PREFIX only.</summary>
    internal CpuPrefixTable? Prefixes { get; }

    /// <summary>The CPUs that have an entry, ascending.</summary>
    internal ReadOnlySpan<uint> Cpus => _cpus;

    /// <summary>Chooses.</summary>
    /// <param name="flow">The frame.</param>
    /// <param name="turn">ROUND_ROBIN only: how many frames were before this one.</param>
    /// <param name="cpu">The CPU. That of a prefix, or the fixed one, may have no entry.</param>
    /// <returns>False when there is none to choose.</returns>
    internal bool TryChoose(in Flow flow, ulong turn, out uint cpu)
    {
        switch (Kind)
        {
            case CpuSelectionKind.Fixed:
                cpu = FixedCpu;
                return true;
            case CpuSelectionKind.SourcePrefix when Prefixes!.TryFind(flow, out cpu):
                return true;
            case var _ when _cpus.Length == 0:
                cpu = 0;
                return false;
            case CpuSelectionKind.RoundRobin:
                cpu = _cpus[(int)(turn % (ulong)_cpus.Length)];
                return true;
            case CpuSelectionKind.L4Port:
                uint port = FlowHash.HasPorts(flow)
                    ? Math.Min(flow[FlowField.SourcePort], flow[FlowField.DestinationPort])
                    : 0;
                cpu = _cpus[(int)(port % (uint)_cpus.Length)];
                return true;
            default:
                cpu = _cpus[(int)(((ulong)FlowHash.Of(flow) * (ulong)_cpus.Length) >> 32)];
                return true;
        }
    }
}
