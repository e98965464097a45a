using Google.Protobuf.Collections;
using Nf.V1;

namespace Nf.Service;

/// <summary>The rules of how a frame's CPU is chosen.</summary>
internal static class CpuSelectionRules
{
    /// <summary>Most CPUs: CONFIG_NR_CPUS of x86-64 is at most this.</summary>
    public const uint CpuCountMax = 8192;

    /// <summary>Most prefixes of a selection, as the contract has it. Arbitrary.</summary>
    public const int PrefixCountMax = 262_144;

    // Arbitrary: whoever has so many faults in a table has one fault in the program that wrote it.
    private const int PrefixFaultsMax = 20;

    /// <summary>A selection with its defaults filled in.</summary>
    public static CpuSelection Normalise(CpuSelection? asked)
    {
        CpuSelection selection = asked ?? new CpuSelection();
        if (selection.Kind == CpuSelectionKind.Unspecified)
        {
            selection.Kind = CpuSelectionKind.FlowHash;
        }

        return selection;
    }

    /// <summary>Notes every fault of a selection whose defaults are filled in.</summary>
    public static void Check(SpecFaults faults, string field, CpuSelection selection)
    {
        faults.RequireDefined(selection.Kind, $"{field}.kind");
        faults.Require(
            selection.Kind == CpuSelectionKind.Fixed || selection.Cpu == 0,
            $"{field}.cpu",
            $"{selection.Cpu} is for kind FIXED only");
        CheckCpu(faults, $"{field}.cpu", selection.Cpu);
        int count = selection.Prefixes.Count;
        if (selection.Kind != CpuSelectionKind.SourcePrefix)
        {
            faults.Require(count == 0, $"{field}.prefixes", $"{count} prefixes, which are for kind SOURCE_PREFIX only");
            return;
        }

        faults.Require(
            count is >= 1 and <= PrefixCountMax,
            $"{field}.prefixes",
            $"{count} prefixes; SOURCE_PREFIX needs 1 to {PrefixCountMax}");
        if (count <= PrefixCountMax)
        {
            CheckPrefixes(faults, field, selection.Prefixes);
        }
    }

    /// <summary>Notes a fault unless it can be the number of a CPU of some machine.</summary>
    public static void CheckCpu(SpecFaults faults, string field, uint cpu) =>
        faults.Require(cpu < CpuCountMax, field, $"{cpu} is no CPU: a kernel has at most {CpuCountMax}");

    private static void CheckPrefixes(SpecFaults faults, string field, RepeatedField<CpuPrefix> prefixes)
    {
        var found = new SpecFaults();
        var seen = new Dictionary<IpPrefix, int>(prefixes.Count);
        for (int i = 0; i < prefixes.Count; i++)
        {
            string at = $"{field}.prefixes[{i}]";
            if (IpPrefix.TryParse(prefixes[i].Prefix, out string fault) is not { } prefix)
            {
                found.Add($"{at}.prefix", fault);
            }
            else if (!seen.TryAdd(prefix, i))
            {
                found.Add($"{at}.prefix", $"\"{prefixes[i].Prefix}\" is prefixes[{seen[prefix]}] already");
            }

            CheckCpu(found, $"{at}.cpu", prefixes[i].Cpu);
        }

        faults.AddSome(found, PrefixFaultsMax, $"{field}.prefixes");
    }
}
