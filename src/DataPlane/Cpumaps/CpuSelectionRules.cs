using Nf.V1;

namespace Nf.DataPlane.Cpumaps;

/// <summary>Reads a selection of the API, naming every fault.</summary>
internal static class CpuSelectionRules
{
    // NR_CPUS of the largest kernels.
    private const uint CpuMax = 8191;

    // A list of a quarter of a million faults helps nobody.
    private const int PrefixFaultsMax = 10;

    /// <summary>The selector of a selection.</summary>
    /// <param name="asked">The selection; null means by flow hash.</param>
    /// <param name="field">Its name in faults, such as "rules[3].action.cpumap.selection".</param>
    /// <param name="cpus">The CPUs that have an entry, ascending.</param>
    /// <param name="fault">Is told each fault.</param>
    /// <returns>The selector; of no use once there was a fault.</returns>
    internal static CpuSelector Read(
        CpuSelection? asked, string field, IReadOnlyList<uint> cpus, Action<string> fault)
    {
        asked ??= new CpuSelection();
        bool isFixed = asked.Kind == CpuSelectionKind.Fixed;
        bool isPrefix = asked.Kind == CpuSelectionKind.SourcePrefix;
        if (!Enum.IsDefined(asked.Kind))
        {
            fault($"{field}.kind {asked.Kind}: unknown");
        }

        if (asked.Cpu != 0 && !isFixed)
        {
            fault($"{field}.cpu {asked.Cpu}: only with kind FIXED");
        }

        if (asked.Cpu > CpuMax)
        {
            fault($"{field}.cpu {asked.Cpu}: at most {CpuMax}");
        }

        if (asked.Prefixes.Count != 0 && !isPrefix)
        {
            fault($"{field}.prefixes: only with kind SOURCE_PREFIX");
        }

        if (asked.Prefixes.Count > CpuPrefixTable.PrefixCountMax)
        {
            fault($"{field}.prefixes: {asked.Prefixes.Count}, at most {CpuPrefixTable.PrefixCountMax}");
            return new CpuSelector(asked.Kind, asked.Cpu, null, cpus);
        }

        CpuPrefixTable? table = isPrefix ? CpuPrefixTable.Build(ReadPrefixes(asked, field, fault)) : null;
        return new CpuSelector(asked.Kind, asked.Cpu, table, cpus);
    }

    private static List<(IpPrefix Prefix, uint Cpu)> ReadPrefixes(
        CpuSelection asked, string field, Action<string> fault)
    {
        var prefixes = new List<(IpPrefix, uint)>(asked.Prefixes.Count);
        var seen = new HashSet<IpPrefix>();
        int faults = 0;
        for (int i = 0; i < asked.Prefixes.Count && faults < PrefixFaultsMax; i++)
        {
            CpuPrefix entry = asked.Prefixes[i];
            string? why = null;
            if (!IpPrefix.TryParse(entry.Prefix, out IpPrefix prefix, out string what))
            {
                why = $"prefix {what}";
            }
            else if (!seen.Add(prefix))
            {
                why = $"prefix \"{entry.Prefix}\": is there twice";
            }
            else if (entry.Cpu > CpuMax)
            {
                why = $"cpu {entry.Cpu}: at most {CpuMax}";
            }

            if (why is not null)
            {
                faults++;
                fault($"{field}.prefixes[{i}].{why}");
                continue;
            }

            prefixes.Add((prefix, entry.Cpu));
        }

        return prefixes;
    }
}
